import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { PipelineFamily } from '../pipeline.ts'
import { findInput } from './denoiser-inputs.ts'
import type { FamilyTraits } from './family-traits.ts'
import type { JsonObject } from './model-folder.ts'

/** Steps and guidance of a family's variants, which only their graphs, their index or their name tell apart. */
export function adjustTraits(
  family: PipelineFamily,
  traits: FamilyTraits,
  { denoiser, index, root }: { denoiser: GraphSignature; index: JsonObject; root: string },
): FamilyTraits {
  // FLUX.1 schnell was distilled to four steps and takes no guidance; dev takes it as an input.
  if (family === 'flux' && !findInput(denoiser, 'guidance')) return withDefaults(traits, 4, 0)
  // FLUX.2 klein comes distilled and as the base model.
  if (family === 'flux2-klein' && index['is_distilled'] === false) return withDefaults(traits, 50, 4)
  // Z-Image-Turbo differs from Z-Image in its weights only, so its name has to do.
  if (family === 'z-image' && TURBO_NAME.test(root)) return withDefaults(traits, 9, 0)
  return traits
}

/** In the name of the folder, or of the one that the hub's cache keeps it in. */
const TURBO_NAME = /z-?image-?turbo/i

function withDefaults(traits: FamilyTraits, numInferenceSteps: number, guidanceScale: number): FamilyTraits {
  return { ...traits, numInferenceSteps, guidanceScale, maskGuidanceScale: guidanceScale, imageGuidanceScale: guidanceScale }
}
