import { readdir } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import type { StoredPrecision } from '../pipeline.ts'

/** The graphs that a model folder may hold, longer names before those that they begin with. */
export const COMPONENT_NAMES = [
  'text_encoder_3',
  'text_encoder_2',
  'text_encoder',
  'text_decoder_prefix',
  'text_decoder',
  'vision_encoder',
  'image_encoder',
  'unet',
  'transformer',
  'controlnet',
  'vae_encoder',
  'vae_decoder',
] as const

export type ComponentName = (typeof COMPONENT_NAMES)[number]

/** Names that exporters other than optimum use. */
const COMPONENT_ALIASES: Partial<Record<ComponentName, readonly string[]>> = {
  text_encoder: ['text_encoder', 'text_encoder_1', 'clip'],
  text_encoder_2: ['text_encoder_2', 'clip2'],
  unet: ['unet', 'unetxl'],
}

/** How deep graphs may lie: `onnx/text_encoder/model.onnx`. */
const DEPTH = 3

/** Marks in file and folder names, and the precision that they stand for. */
const PRECISION_MARKS: readonly (readonly [RegExp, StoredPrecision])[] = [
  [/(^|[_.-])(q4f16|q4|int4|uint4|bnb4)([_.-]|$)/, 'int4'],
  [/(^|[_.-])(int8|uint8|quantized|q8)([_.-]|$)/, 'int8'],
  [/(^|[_.-])(bf16|bfloat16)([_.-]|$)/, 'bfloat16'],
  [/(^|[_.-])(fp16|float16|half)([_.-]|$)/, 'float16'],
]

/** What to load on a CPU when nothing is asked for, best first. */
const PREFERENCE: readonly (StoredPrecision | undefined)[] = [undefined, 'float32', 'int8', 'float16', 'int4', 'bfloat16']

/** One `.onnx` file of a component. */
export interface GraphFile {
  path: string
  /** From the file's name; undefined when it does not tell. */
  precision: StoredPrecision | undefined
}

/** Finds the graph of every component, in optimum's folders or flat, and picks the precision wanted. */
export async function findGraphFiles(root: string, dtype?: StoredPrecision): Promise<Map<ComponentName, string>> {
  return new Map([...(await listGraphFiles(root))].map(([name, files]) => [name, chooseFile(files, dtype)]))
}

/** Every graph of every component, with the precisions that their names tell. */
export async function listGraphFiles(root: string): Promise<Map<ComponentName, GraphFile[]>> {
  return groupGraphs(root, await listGraphs(root))
}

/** Graph files of a model's folder by component; files that belong to none are left out, and those that lie too deep. */
export function groupGraphs(root: string, paths: readonly string[]): Map<ComponentName, GraphFile[]> {
  const found = new Map<ComponentName, GraphFile[]>()
  for (const path of paths) {
    const place = relative(root, path)
    const name = place.split(sep).length <= DEPTH ? componentOf(place) : undefined
    if (name) found.set(name, [...(found.get(name) ?? []), { path, precision: precisionOf(place) }])
  }
  return found
}

async function listGraphs(folder: string, depth = DEPTH): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new DiffgentorError('model_not_found', `The model folder ${folder} cannot be read.`, { cause })
  })
  const nested = await Promise.all(
    entries
      .filter((entry) => !entry.name.startsWith('.'))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(async (entry) => {
        const path = join(folder, entry.name)
        if (entry.name.endsWith('.onnx')) return [path]
        return entry.isDirectory() && depth > 1 ? await listGraphs(path, depth - 1) : []
      }),
  )
  return nested.flat()
}

/** The component that a path belongs to, by its folder or else by the start of its file name. */
function componentOf(path: string): ComponentName | undefined {
  const folders = dirname(path).split(sep)
  const file = basename(path, '.onnx').toLowerCase()
  return COMPONENT_NAMES.find((name) => {
    const aliases = COMPONENT_ALIASES[name] ?? [name]
    if (folders.some((folder) => aliases.includes(folder.toLowerCase()))) return true
    const isElsewhere = folders.some((folder) => COMPONENT_NAMES.some((other) => other === folder.toLowerCase()))
    return !isElsewhere && aliases.some((alias) => file === alias || file.startsWith(`${alias}_`) || file.startsWith(`${alias}.`))
  })
}

function precisionOf(path: string): StoredPrecision | undefined {
  const parts = path.toLowerCase().split(sep)
  const marks = [...parts.slice(0, -1), basename(parts.at(-1)!, '.onnx')]
  return PRECISION_MARKS.find(([mark]) => marks.some((part) => mark.test(part)))?.[1]
}

/** The file to load for a precision, or where none is wanted for a CPU. */
export function chooseFile(files: readonly GraphFile[], dtype: StoredPrecision | undefined): string {
  const wanted = dtype === 'float32' ? [undefined, 'float32'] : [dtype]
  const matching = dtype && files.find((file) => wanted.includes(file.precision))
  const rank = (file: GraphFile) => PREFERENCE.indexOf(file.precision)
  return (matching || [...files].sort((a, b) => rank(a) - rank(b))[0]!).path
}
