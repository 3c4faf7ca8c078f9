import { DiffgentorError } from '../../errors.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { type LoraPart, type LoraTarget, parseLoraKey } from './lora-keys.ts'
import { findAlpha, type PeftConfigs, readPeftConfigs } from './peft-config.ts'
import { SafetensorsFile } from './safetensors.ts'

/** What a LoRA file says about one module of a network. */
export interface LoraModule {
  target: LoraTarget
  /** Underscored path inside the target. */
  module: string
  parts: Readonly<Partial<Record<LoraPart, Tensor>>>
}

/** A LoRA file in memory. */
export interface LoraFile {
  path: string
  modules: readonly LoraModule[]
  /** Keys that belong to no known form. */
  unknownKeys: readonly string[]
}

/** Reads a LoRA file as diffusers, PEFT or the kohya tools write it. Rejects with `model_unreadable` when nothing in it is a LoRA. */
export async function readLoraFile(path: string): Promise<LoraFile> {
  await using file = await SafetensorsFile.open(path)
  const modules = new Map<string, LoraModule & { parts: Partial<Record<LoraPart, Tensor>> }>()
  const unknownKeys: string[] = []
  for (const name of file.names) {
    const key = parseLoraKey(name)
    if (key === undefined) {
      unknownKeys.push(name)
      continue
    }
    const id = `${key.target}:${key.module}`
    const entry = modules.get(id) ?? { target: key.target, module: key.module, parts: {} }
    entry.parts[key.part] = await file.read(name)
    modules.set(id, entry)
  }
  if (modules.size === 0) {
    throw new DiffgentorError(
      'model_unreadable',
      `The file ${path} holds no LoRA: none of its ${file.names.length} tensors has a LoRA name.`,
      {
        field: 'loras',
      },
    )
  }
  const configs = await readPeftConfigs(path, file.metadata)
  return { path, modules: [...modules.values()].map((module) => withAlpha(module, configs)), unknownKeys }
}

/** Alpha stands among the tensors, or else in PEFT's configuration. */
function withAlpha(lora: LoraModule, configs: PeftConfigs): LoraModule {
  const { target, module, parts } = lora
  if (parts.alpha !== undefined || parts.down === undefined) return lora
  const alpha = findAlpha(configs, target, module, parts.down.shape[0] ?? 0)
  return alpha === undefined ? lora : { ...lora, parts: { ...parts, alpha: { data: Float32Array.of(alpha), shape: [] } } }
}
