import type { Size } from '../../contract/index.ts'
import type { PipelineFamily } from '../pipeline.ts'
import { FURTHER_TRAITS } from './further-traits.ts'
import type { ComponentName } from './graph-files.ts'
import { TRANSFORMER_TRAITS } from './transformer-traits.ts'

/** What pictures an edit may look at, and how large its result is when no size is asked for. */
export interface ReferenceRule {
  most: number
  /** `generationConfig` is that of the model's folder. */
  sizeFor(pictures: readonly Size[], generationConfig: Readonly<Record<string, unknown>>): Size
}

/** What holds for a family whatever the folder says. */
export interface FamilyTraits {
  /** Components without which nothing can be drawn. */
  components: readonly ComponentName[]
  /** Text encoders that are not CLIP's: read by T5 or a language model, or in a way of the family's own. */
  encoders?: Readonly<Partial<Record<ComponentName, 'sequence' | 'own'>>>
  generate: boolean
  edit: boolean
  mask: boolean
  /** An edit cannot do without a mask. */
  needsMask?: boolean
  numInferenceSteps: number
  guidanceScale: number
  /** For edits with a mask. */
  maskGuidanceScale: number
  /** For edits of whole pictures. Default: `guidanceScale`. */
  imageGuidanceScale?: number
  /** Share of the steps that an edit runs, and an edit with a mask. */
  strength: number
  maskStrength: number
  /** Side of the picture where neither folder nor graphs tell, in pixels. */
  side: number
  /** Where the usual picture is no square. */
  usualSize?: Size
  /** Pixels of the picture in one latent, where the VAE has no configuration. */
  vaeScaleFactor: number
  vaeScaling: number
  /** Latents on a side of one token of a transformer; sides of pictures are whole tokens. Default 1. */
  tokenSide?: number
  /** Latents of the VAE itself on a side of one that its graphs give, which carries them as channels. Default 1. */
  latentPatch?: number
  /** Edits draw from noise and look at pictures. Absent: they start from one source. */
  references?: ReferenceRule
  /** Used when the folder has no scheduler configuration. */
  scheduler: Readonly<Record<string, unknown>>
}

const LATENT_SCHEDULE = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  prediction_type: 'epsilon',
  clip_sample: false,
  set_alpha_to_one: false,
}

const PNDM = {
  ...LATENT_SCHEDULE,
  _class_name: 'PNDMScheduler',
  skip_prk_steps: true,
  timestep_spacing: 'leading',
  steps_offset: 1,
}
const EULER = { ...LATENT_SCHEDULE, _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'leading', steps_offset: 1 }

const SD: FamilyTraits = {
  components: ['text_encoder', 'unet', 'vae_decoder'],
  generate: true,
  edit: true,
  mask: true,
  numInferenceSteps: 50,
  guidanceScale: 7.5,
  maskGuidanceScale: 7.5,
  strength: 0.8,
  maskStrength: 1,
  side: 512,
  vaeScaleFactor: 8,
  vaeScaling: 0.18215,
  scheduler: PNDM,
}

const SDXL: FamilyTraits = {
  ...SD,
  components: ['text_encoder', 'text_encoder_2', 'unet', 'vae_decoder'],
  guidanceScale: 5,
  strength: 0.3,
  maskStrength: 0.9999,
  side: 1024,
  vaeScaling: 0.13025,
  scheduler: EULER,
}

/** Defaults as in diffusers. */
export const FAMILY_TRAITS: Readonly<Record<PipelineFamily, FamilyTraits>> = {
  ...TRANSFORMER_TRAITS,
  ...FURTHER_TRAITS,
  'stable-diffusion': SD,
  'stable-diffusion-inpaint': { ...SD, components: [...SD.components, 'vae_encoder'], generate: false, needsMask: true },
  'stable-diffusion-xl': SDXL,
  'stable-diffusion-xl-refiner': {
    ...SDXL,
    components: ['text_encoder_2', 'unet', 'vae_decoder', 'vae_encoder'],
    generate: false,
  },
  'stable-diffusion-xl-inpaint': { ...SDXL, components: [...SDXL.components, 'vae_encoder'], generate: false, needsMask: true },
  'latent-consistency': {
    ...SD,
    numInferenceSteps: 4,
    guidanceScale: 8.5,
    scheduler: { ...LATENT_SCHEDULE, _class_name: 'LCMScheduler', set_alpha_to_one: true, original_inference_steps: 50 },
  },
  'instruct-pix2pix': {
    ...SD,
    components: [...SD.components, 'vae_encoder'],
    generate: false,
    mask: false,
    numInferenceSteps: 100,
    scheduler: { ...EULER, _class_name: 'EulerAncestralDiscreteScheduler' },
  },
  'latent-upscale': {
    ...SD,
    generate: false,
    mask: false,
    numInferenceSteps: 75,
    guidanceScale: 9,
    vaeScaleFactor: 4,
    vaeScaling: 0.08333,
    references: { most: 1, sizeFor: ([small]) => enlargeFourfold(small!) },
    scheduler: { ...LATENT_SCHEDULE, _class_name: 'DDIMScheduler', prediction_type: 'v_prediction' },
  },
}

/** Four times the small picture, cut down to what the UNet can halve three times. */
function enlargeFourfold(small: Size): Size {
  const side = (length: number) => 4 * Math.max(8, length - (length % 8))
  return { width: side(small.width), height: side(small.height) }
}

/** Steps and guidance of students trained to draw in one step without guidance (SD-Turbo, SDXL-Turbo). */
export const ONE_STEP_DEFAULTS = { numInferenceSteps: 1, guidanceScale: 0 }
