import { sep } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import type { StoredPrecision } from '../pipeline.ts'
import { chooseFile, type GraphFile, groupGraphs } from './graph-files.ts'

/** What of a model is wanted. */
export interface GraphWish {
  /** Absent: what suits a CPU best. */
  dtype?: StoredPrecision | undefined
  /** With the model's own safety checker. */
  safetyChecker?: boolean | undefined
}

const SAFETY_CHECKER = /^(?:.*\/)?safety_checker\/[^/]+\.onnx$/
const DENOISERS = ['unet', 'transformer'] as const

/**
 * Of all files of a model, the graphs that would be loaded: a download needs no others. `paths` are relative to the model's folder,
 * with `/`. Empty when there are none. Throws `invalid_configuration` when names tell that the precision is not stored.
 */
export function chooseGraphs(paths: readonly string[], wish: GraphWish = {}): string[] {
  const groups = groupListed(paths)
  for (const name of DENOISERS) assertStored(groups.get(name) ?? [], wish.dtype)
  const chosen = [...groups.values()].map((files) => chooseFile(files, wish.dtype))
  const checker = wish.safetyChecker ? paths.filter((path) => SAFETY_CHECKER.test(path)).slice(0, 1) : []
  return [...chosen.map((path) => path.split(sep).join('/')), ...checker]
}

/** Whether names alone tell that a folder with these files holds what is wished for. */
export function holdsWish(paths: readonly string[], wish: GraphWish = {}): boolean {
  const groups = groupListed(paths)
  const denoisers = DENOISERS.flatMap((name) => groups.get(name) ?? [])
  if (denoisers.length === 0) return false
  if (wish.safetyChecker && !paths.some((path) => SAFETY_CHECKER.test(path))) return false
  return wish.dtype === undefined || denoisers.some((file) => hasPrecision(file, wish.dtype!))
}

/** Some repositories keep the pipeline one folder down, beside nothing else. */
function groupListed(paths: readonly string[]): ReturnType<typeof groupGraphs> {
  const root = findRoot(paths)
  const below = paths.filter((path) => path.startsWith(root) && path.endsWith('.onnx'))
  return groupGraphs(root.split('/').join(sep), below.map((path) => path.split('/').join(sep)).sort())
}

function findRoot(paths: readonly string[]): string {
  const looksLikePipeline = (root: string) =>
    paths.some((path) => path.startsWith(root) && /^(model_index\.json$|unet\/|transformer\/)/.test(path.slice(root.length)))
  if (looksLikePipeline('')) return ''
  const folders = new Set(paths.filter((path) => path.includes('/')).map((path) => `${path.split('/')[0]}/`))
  return [...folders].sort().find(looksLikePipeline) ?? ''
}

function assertStored(files: readonly GraphFile[], dtype: StoredPrecision | undefined): void {
  const isUnclear = files.length === 0 || files.some(({ precision }) => precision === undefined)
  if (dtype === undefined || isUnclear || files.some((file) => hasPrecision(file, dtype))) return
  const stored = [...new Set(files.map(({ precision }) => precision))].join(', ')
  throw new DiffgentorError(
    'invalid_configuration',
    `The model is stored in ${stored}, not in ${dtype}; leave --torch_dtype out or name what is stored.`,
    { field: 'torch_dtype' },
  )
}

function hasPrecision({ precision }: GraphFile, dtype: StoredPrecision): boolean {
  return precision === dtype || (dtype === 'float32' && precision === undefined)
}
