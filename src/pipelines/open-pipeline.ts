import { DiffgentorError } from '../errors.ts'
import type { Pipeline, PipelineOptions } from './pipeline.ts'

/** Opens a model folder. Sessions are created at first use; ONNX Runtime is not loaded before that. */
export async function openPipeline(options: PipelineOptions): Promise<Pipeline> {
  throw new DiffgentorError('model_unreadable', `The folder ${options.folder} cannot be opened yet.`)
}
