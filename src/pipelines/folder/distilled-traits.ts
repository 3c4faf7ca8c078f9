import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { PipelineFamily } from '../pipeline.ts'
import { findInput } from './denoiser-inputs.ts'
import type { FamilyTraits } from './family-traits.ts'
import type { JsonObject } from './model-folder.ts'

/** Steps and guidance of a family's variants, which only their graphs or their index tell apart. */
export function adjustTraits(
  family: PipelineFamily,
  traits: FamilyTraits,
  { denoiser, index }: { denoiser: GraphSignature; index: JsonObject },
): FamilyTraits {
  // FLUX.1 schnell was distilled to four steps and takes no guidance; dev takes it as an input.
  if (family === 'flux' && !findInput(denoiser, 'guidance')) return withDefaults(traits, 4, 0)
  // FLUX.2 klein comes distilled and as the base model.
  if (family === 'flux2-klein' && index['is_distilled'] === false) return withDefaults(traits, 50, 4)
  return traits
}

function withDefaults(traits: FamilyTraits, numInferenceSteps: number, guidanceScale: number): FamilyTraits {
  return { ...traits, numInferenceSteps, guidanceScale, maskGuidanceScale: guidanceScale, imageGuidanceScale: guidanceScale }
}
