import { DiffgentorError } from '../errors.ts'
import type { ModelDescription } from './pipeline.ts'

/** Reads what a model folder holds and can do, without ONNX Runtime and without loading weights. */
export async function describeModel(folder: string, _modelType?: string): Promise<ModelDescription> {
  throw new DiffgentorError('model_unreadable', `The folder ${folder} cannot be read yet.`)
}
