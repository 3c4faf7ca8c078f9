import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import type { LoraTarget } from './lora-keys.ts'

/** What PEFT keeps beside the tensors of one network: how strong its updates are. */
interface PeftConfig {
  alpha: number
  /** Alphas of single modules, by the end of their path. */
  alphaPattern: ReadonlyMap<string, number>
  /** Rank-stabilized (arXiv 2312.03732): alpha counts against the root of the rank. */
  isRankStabilized: boolean
}

export type PeftConfigs = ReadonlyMap<LoraTarget, PeftConfig>

/** Header entry in which diffusers saves the configurations of all networks, as JSON. */
const HEADER_KEY = 'lora_adapter_metadata'

const PREFIXES: Readonly<Record<string, LoraTarget>> = {
  unet: 'denoiser',
  transformer: 'denoiser',
  text_encoder: 'text_encoder',
  text_encoder_2: 'text_encoder_2',
}

/** Finds the configurations of a LoRA file: in its header, or in the `adapter_config.json` beside a file that PEFT itself saved. */
export async function readPeftConfigs(path: string, header: Readonly<Record<string, string>>): Promise<PeftConfigs> {
  if (header[HEADER_KEY] !== undefined) return fromHeader(parseObject(path, header[HEADER_KEY]))
  if (basename(path) !== 'adapter_model.safetensors') return new Map()
  const text = await readFile(join(dirname(path), 'adapter_config.json'), 'utf8').catch(() => undefined)
  const config = text === undefined ? undefined : toConfig(parseObject(path, text))
  return new Map(config && [['denoiser', config]])
}

/** Alpha as the kohya tools would have stored it: to be divided by the rank. Undefined where no configuration tells. */
export function findAlpha(configs: PeftConfigs, target: LoraTarget, module: string, rank: number): number | undefined {
  const config = configs.get(target)
  if (config === undefined) return undefined
  const own = [...config.alphaPattern].find(([path]) => module === path || module.endsWith(`_${path}`))?.[1]
  const alpha = own ?? config.alpha
  return config.isRankStabilized ? alpha * Math.sqrt(rank) : alpha
}

function fromHeader(entries: Readonly<Record<string, unknown>>): Map<LoraTarget, PeftConfig> {
  const configs = new Map<LoraTarget, PeftConfig>()
  for (const [prefix, target] of Object.entries(PREFIXES)) {
    const own = Object.entries(entries).filter(([key]) => key.startsWith(`${prefix}.`))
    const config = toConfig(Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length + 1), value])))
    if (config !== undefined) configs.set(target, config)
  }
  return configs
}

function toConfig(entries: Readonly<Record<string, unknown>>): PeftConfig | undefined {
  const { lora_alpha: alpha, alpha_pattern: pattern, use_rslora: isRankStabilized } = entries
  if (typeof alpha !== 'number') return undefined
  const patterns = typeof pattern === 'object' && pattern !== null ? Object.entries(pattern) : []
  return {
    alpha,
    alphaPattern: new Map(
      patterns.flatMap(([path, value]) => (typeof value === 'number' ? [[path.replaceAll('.', '_'), value] as const] : [])),
    ),
    isRankStabilized: isRankStabilized === true,
  }
}

function parseObject(path: string, text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The LoRA configuration of ${path} is not valid JSON.`, { cause })
  }
  throw new DiffgentorError('model_unreadable', `The LoRA configuration of ${path} is not a table.`)
}
