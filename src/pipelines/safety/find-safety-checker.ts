import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import { readCheckedGraph } from '../folder/read-signature.ts'
import { memoryOf, weightBytes } from '../folder/weight-sizes.ts'

/** Where a safety checker lies. Plain values only. */
export interface SafetyCheckerFiles {
  /** The graph's file. */
  graph: string
  /** Where its `preprocessor_config.json` may lie, best first. */
  processors: readonly string[]
  /** Bytes of weights as stored. */
  weightBytes: number
  /** Bytes of weights in memory. */
  memoryBytes: number
}

/** The checker that exports of Stable Diffusion have beside their other parts. Rejects with one sentence where there is none. */
export async function findOwnSafetyChecker(modelFolder: string): Promise<SafetyCheckerFiles> {
  const found = await findChecker([join(modelFolder, 'safety_checker'), join(modelFolder, 'onnx', 'safety_checker')])
  if (found) return found
  throw noChecker(`The model in ${modelFolder} has no safety checker (safety_checker/model.onnx)`)
}

/** The checker in a folder of its own, or in that of a model. Rejects with one sentence where there is none. */
export async function findSafetyChecker(path: string): Promise<SafetyCheckerFiles> {
  const found = await findChecker([join(path, 'safety_checker'), path])
  if (found) return found
  throw noChecker(`The folder ${path} holds no safety checker (model.onnx or safety_checker/model.onnx)`)
}

async function findChecker(folders: readonly string[]): Promise<SafetyCheckerFiles | undefined> {
  for (const folder of folders) {
    const graph = await findGraph(folder)
    if (graph === undefined) continue
    const { signature } = await readCheckedGraph(graph)
    const places = [folder, join(folder, 'feature_extractor'), join(dirname(folder), 'feature_extractor')]
    return {
      graph,
      processors: places.map((place) => join(place, 'preprocessor_config.json')),
      weightBytes: weightBytes(signature),
      memoryBytes: memoryOf(signature),
    }
  }
  return undefined
}

/** `model.onnx`, or the only graph of the folder. */
async function findGraph(folder: string): Promise<string | undefined> {
  const graphs = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith('.onnx'))
  const name = graphs.includes('model.onnx') ? 'model.onnx' : graphs.length === 1 ? graphs[0] : undefined
  if (name === undefined) return undefined
  return (await stat(join(folder, name))).isFile() ? join(folder, name) : undefined
}

function noChecker(what: string): DiffgentorError {
  return new DiffgentorError(
    'invalid_configuration',
    `${what}; name a folder that has one with --safety_checker FOLDER, or leave --safety_checker out (docs/models.md).`,
    { field: 'safety_checker' },
  )
}
