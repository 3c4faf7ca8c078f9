import type { Size } from '../../contract/index.ts'
import type { PipelineFamily } from '../pipeline.ts'
import { readEditAreas, sizeOfArea } from './edit-areas.ts'
import type { FamilyTraits } from './family-traits.ts'

const FLOW = { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000 }

const Z_IMAGE: FamilyTraits = {
  components: ['text_encoder', 'transformer', 'vae_decoder'],
  encoders: { text_encoder: 'sequence' },
  generate: true,
  edit: true,
  mask: true,
  numInferenceSteps: 50,
  guidanceScale: 5,
  maskGuidanceScale: 5,
  strength: 0.6,
  maskStrength: 1,
  side: 1024,
  vaeScaleFactor: 8,
  vaeScaling: 0.3611,
  tokenSide: 2,
  scheduler: { ...FLOW, shift: 3 },
}

const QWEN_IMAGE: FamilyTraits = {
  ...Z_IMAGE,
  guidanceScale: 4,
  maskGuidanceScale: 4,
  maskStrength: 0.6,
  vaeScaling: 1,
  scheduler: {
    ...FLOW,
    shift: 1,
    use_dynamic_shifting: true,
    base_shift: 0.5,
    max_shift: 0.9,
    base_image_seq_len: 256,
    max_image_seq_len: 8192,
    shift_terminal: 0.02,
  },
}

const QWEN_IMAGE_EDIT: FamilyTraits = {
  ...QWEN_IMAGE,
  components: [...QWEN_IMAGE.components, 'vision_encoder', 'vae_encoder'],
  encoders: { text_encoder: 'own' },
  generate: false,
  mask: false,
  references: { most: 1, sizeFor: sizeOfEdit },
}

const DPM = {
  _class_name: 'DPMSolverMultistepScheduler',
  num_train_timesteps: 1000,
  algorithm_type: 'dpmsolver++',
  solver_order: 2,
}

const PIXART: FamilyTraits = {
  ...Z_IMAGE,
  edit: false,
  mask: false,
  numInferenceSteps: 20,
  guidanceScale: 4.5,
  maskGuidanceScale: 4.5,
  vaeScaling: 0.13025,
  // Asked sizes come from the nearest size of training, so they need not be whole tokens.
  tokenSide: 1,
  scheduler: { ...DPM, beta_start: 0.0001, beta_end: 0.02, beta_schedule: 'linear', prediction_type: 'epsilon' },
}

const SANA: FamilyTraits = {
  ...PIXART,
  vaeScaleFactor: 32,
  vaeScaling: 0.41407,
  scheduler: { ...DPM, prediction_type: 'flow_prediction', use_flow_sigmas: true, flow_shift: 3 },
}

/** What holds for Z-Image, Qwen-Image, Sana, PixArt, UniDiffuser and Wan; defaults as in diffusers. */
export const FURTHER_TRAITS = {
  'z-image': Z_IMAGE,
  'qwen-image': QWEN_IMAGE,
  'qwen-image-edit': QWEN_IMAGE_EDIT,
  'qwen-image-edit-plus': { ...QWEN_IMAGE_EDIT, references: { most: 8, sizeFor: sizeOfEdit } },
  pixart: PIXART,
  sana: SANA,
  unidiffuser: {
    ...PIXART,
    components: ['text_encoder', 'text_decoder_prefix', 'unet', 'vae_decoder'],
    encoders: {},
    numInferenceSteps: 50,
    guidanceScale: 8,
    maskGuidanceScale: 8,
    side: 512,
    vaeScaling: 0.18215,
    scheduler: { ...DPM, beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear', solver_order: 3 },
  },
  wan: {
    ...PIXART,
    numInferenceSteps: 50,
    guidanceScale: 5,
    maskGuidanceScale: 5,
    side: 480,
    usualSize: { width: 832, height: 480 },
    vaeScaling: 1,
    tokenSide: 2,
    scheduler: {
      _class_name: 'UniPCMultistepScheduler',
      num_train_timesteps: 1000,
      prediction_type: 'flow_prediction',
      use_flow_sigmas: true,
      flow_shift: 3,
    },
  },
} as const satisfies Partial<Record<PipelineFamily, FamilyTraits>>

/** The size of the result: the trained area at the last picture's ratio. */
function sizeOfEdit(pictures: readonly Size[], generationConfig: Readonly<Record<string, unknown>>): Size {
  return sizeOfArea(readEditAreas(generationConfig).result, pictures.at(-1)!)
}
