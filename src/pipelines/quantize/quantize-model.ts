import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import { readGraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import { readModelFolder } from '../folder/model-folder.ts'
import { compareGraphs } from './compare-graphs.ts'
import { countQuantizable, type QuantizationKind, type QuantizedGraph, quantizeGraph } from './quantize-graph.ts'

export interface QuantizeOptions {
  /** The model folder; it stays as it is. */
  folder: string
  /** A folder that is missing or empty. */
  target: string
  kind: QuantizationKind
  /** Told before each component. */
  onComponent?: ((name: ComponentName) => void) | undefined
}

/** One component of the new folder. */
export interface QuantizedComponent extends QuantizedGraph {
  name: ComponentName
  /** Cosine between the old and the new graph's results on one made-up input; 1 is equal. */
  cosine: number
}

/** Components made of linear layers; VAEs are convolutions and lose too much. */
const QUANTIZED: readonly ComponentName[] = ['text_encoder', 'text_encoder_2', 'text_encoder_3', 'unet', 'transformer']

/** Writes a copy of a model folder with quantized linear layers, and tells how close each component stayed. */
export async function quantizeModel({ folder, target, kind, onComponent }: QuantizeOptions): Promise<QuantizedComponent[]> {
  await assertEmpty(target)
  const { root, graphs } = await readModelFolder(folder)
  const chosen = [...graphs].filter(([name]) => QUANTIZED.includes(name))
  const counts = await Promise.all(chosen.map(([, file]) => countQuantizable(file)))
  if (counts.every((count) => count === 0)) {
    throw new DiffgentorError(
      'unsupported',
      `The model in ${folder} has no linear layers with float32 weights of a size worth quantizing; use a float32 export.`,
    )
  }
  const replaced = new Set<string>()
  for (const [, file] of chosen) for (const path of await filesOf(file)) replaced.add(path)
  await copyRest(root, target, replaced)
  const components: QuantizedComponent[] = []
  for (const [name, file] of chosen) {
    onComponent?.(name)
    const copy = join(target, relative(root, file))
    const result = await quantizeGraph(file, copy, kind)
    components.push({ name, ...result, cosine: await compareGraphs(file, copy) })
  }
  return components
}

async function assertEmpty(target: string): Promise<void> {
  const entries = await readdir(target).catch((): string[] => [])
  if (entries.length === 0) return
  throw new DiffgentorError(
    'invalid_configuration',
    `The folder ${target} already holds files; name a new one for the quantized model.`,
  )
}

async function filesOf(graph: string): Promise<string[]> {
  const { external } = await readGraphSignature(graph)
  return [graph, ...new Set(external.map(({ location }) => join(dirname(graph), location)))]
}

async function copyRest(root: string, target: string, replaced: ReadonlySet<string>): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const copy = join(target, relative(root, path))
    if (entry.isDirectory()) await mkdir(copy, { recursive: true })
    else if (!replaced.has(path)) {
      await mkdir(dirname(copy), { recursive: true })
      await copyFile(path, copy)
    }
  }
}
