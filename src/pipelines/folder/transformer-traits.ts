import type { Size } from '../../contract/index.ts'
import type { PipelineFamily } from '../pipeline.ts'
import type { FamilyTraits } from './family-traits.ts'
import { referencePlan } from './klein-references.ts'

const FLOW = { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000 }

const SD3: FamilyTraits = {
  components: ['text_encoder', 'text_encoder_2', 'transformer', 'vae_decoder'],
  encoders: { text_encoder_3: 'sequence' },
  generate: true,
  edit: true,
  mask: true,
  numInferenceSteps: 28,
  guidanceScale: 7,
  maskGuidanceScale: 7,
  strength: 0.6,
  maskStrength: 0.6,
  side: 1024,
  vaeScaleFactor: 8,
  vaeScaling: 1.5305,
  tokenSide: 2,
  scheduler: { ...FLOW, shift: 3 },
}

const FLUX: FamilyTraits = {
  ...SD3,
  encoders: { text_encoder_2: 'sequence' },
  guidanceScale: 3.5,
  maskGuidanceScale: 7,
  imageGuidanceScale: 7,
  vaeScaling: 0.3611,
  scheduler: { ...FLOW, shift: 3, use_dynamic_shifting: true },
}

/** What holds for families of transformers; defaults as in diffusers. */
export const TRANSFORMER_TRAITS = {
  'stable-diffusion-3': SD3,
  flux: FLUX,
  'flux-fill': {
    ...FLUX,
    components: [...FLUX.components, 'vae_encoder'],
    generate: false,
    needsMask: true,
    numInferenceSteps: 50,
    guidanceScale: 30,
    maskGuidanceScale: 30,
    strength: 1,
    maskStrength: 1,
  },
  'flux-kontext': {
    ...FLUX,
    components: [...FLUX.components, 'vae_encoder'],
    mask: false,
    references: { most: 1, sizeFor: kontextSize },
  },
  'flux2-klein': {
    ...SD3,
    components: ['text_encoder', 'transformer', 'vae_decoder'],
    encoders: { text_encoder: 'sequence' },
    mask: false,
    references: { most: 10, sizeFor: (pictures) => pictures.map(cropSize)[0]! },
    numInferenceSteps: 4,
    guidanceScale: 1,
    maskGuidanceScale: 1,
    vaeScaling: 1,
    tokenSide: 1,
    latentPatch: 2,
    vaeScaleFactor: 16,
    scheduler: { ...FLOW, shift: 3, use_dynamic_shifting: true },
  },
} as const satisfies Partial<Record<PipelineFamily, FamilyTraits>>

/** A megapixel in the source's shape, as whole tokens. */
function kontextSize([source]: readonly Size[]): Size {
  const ratio = source!.width / source!.height
  const side = (length: number) => Math.floor(Math.round(length) / 16) * 16
  return { width: side(Math.sqrt(1024 ** 2 * ratio)), height: side(Math.sqrt(1024 ** 2 / ratio)) }
}

/** The size of the first picture as the model sees it. */
function cropSize(picture: Size): Size {
  const { width, height } = referencePlan(picture).crop
  return { width, height }
}
