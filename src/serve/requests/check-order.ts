import type { ServeSettings } from '../../config/settings.ts'
import type { ImageRequest } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import type { ServedModel } from '../model-pool.ts'
import type { Services } from '../services.ts'
import { checkSize } from './size-text.ts'

/** Throws when the server was started for the other kind of work. */
export function checkMode(services: Services, kind: 'generate' | 'edit'): void {
  const { mode } = services.models
  if (mode === 'both' || mode === (kind === 'edit' ? 'edit' : 't2i')) return
  throw new DiffgentorError(
    'unsupported',
    kind === 'edit'
      ? 'This server is not configured for image editing. Start it with --mode edit and a model that edits.'
      : 'This server is not configured for image generation (T2I). Start it with --mode t2i and a model that draws from text.',
  )
}

/** Puts the operator's overrides over a request, then checks it against the model's limits. */
export function settleRequest(settings: ServeSettings, model: ServedModel, request: ImageRequest): ImageRequest {
  const settled: ImageRequest = { ...request }
  if (settings.numInferenceSteps !== undefined) settled.numInferenceSteps = settings.numInferenceSteps
  if (settings.guidanceScale !== undefined) settled.guidanceScale = settings.guidanceScale
  const { maxInferenceSteps, sizes } = model.backend.capabilities
  if (maxInferenceSteps !== undefined && (settled.numInferenceSteps ?? 0) > maxInferenceSteps) {
    throw new DiffgentorError(
      'invalid_request',
      `num_inference_steps must be at most ${maxInferenceSteps}, the maximum of the model ${model.id}, got ${settled.numInferenceSteps}.`,
      { field: 'num_inference_steps' },
    )
  }
  if (settled.size && !settled.edit) checkSize(settled.size, sizes, model.id)
  return settled
}
