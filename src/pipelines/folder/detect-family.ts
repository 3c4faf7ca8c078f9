import { DiffgentorError } from '../../errors.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { PipelineFamily } from '../pipeline.ts'
import { findInput, fixedDimension } from './denoiser-inputs.ts'
import { TRANSFORMER_WORDS } from './transformer-words.ts'

/** Words for families that people use in scripts of other tools. */
const FAMILY_WORDS: Readonly<Record<string, PipelineFamily>> = {
  sd: 'stable-diffusion',
  sd15: 'stable-diffusion',
  sd21: 'stable-diffusion',
  'stable-diffusion': 'stable-diffusion',
  'sd-turbo': 'stable-diffusion',
  'sd-inpaint': 'stable-diffusion-inpaint',
  inpaint: 'stable-diffusion-inpaint',
  sdxl: 'stable-diffusion-xl',
  xl: 'stable-diffusion-xl',
  'sdxl-turbo': 'stable-diffusion-xl',
  'stable-diffusion-xl': 'stable-diffusion-xl',
  'sdxl-refiner': 'stable-diffusion-xl-refiner',
  refiner: 'stable-diffusion-xl-refiner',
  'sdxl-inpaint': 'stable-diffusion-xl-inpaint',
  lcm: 'latent-consistency',
  'latent-consistency': 'latent-consistency',
  ip2p: 'instruct-pix2pix',
  'instruct-pix2pix': 'instruct-pix2pix',
  'x4-upscaler': 'latent-upscale',
  'z-image': 'z-image',
  zimage: 'z-image',
  'z-image-turbo': 'z-image',
  qwen: 'qwen-image',
  'qwen-image': 'qwen-image',
  'qwen-image-edit': 'qwen-image-edit',
  'qwen-edit': 'qwen-image-edit',
  'qwen-image-edit-plus': 'qwen-image-edit-plus',
  'qwen-image-edit-2509': 'qwen-image-edit-plus',
  'qwen-image-edit-2511': 'qwen-image-edit-plus',
  sana: 'sana',
  pixart: 'pixart',
  'pixart-alpha': 'pixart',
  'pixart-sigma': 'pixart',
  unidiffuser: 'unidiffuser',
  wan: 'wan',
  ...TRANSFORMER_WORDS,
}

/** The family that a user's word means; an unknown word is an error that lists the known ones. */
export function parseFamily(word: string): PipelineFamily {
  const family = FAMILY_WORDS[word.trim().toLowerCase().replaceAll('_', '-')]
  if (family) return family
  throw new DiffgentorError(
    'invalid_configuration',
    `The model type "${word}" is not known to the local engine; known are ${Object.keys(FAMILY_WORDS).join(', ')}.`,
    { field: 'model_type' },
  )
}

/** Tells a UNet's family by what it takes in, which no configuration file can get wrong. */
export function detectFamily(unet: GraphSignature, latentChannels: number): PipelineFamily {
  if (unet.inputs.some(({ name }) => name === 'latent_image_embeds')) return 'unidiffuser'
  const channels = fixedDimension(unet, 'latents', 1) ?? latentChannels
  if (findInput(unet, 'timeIds')) {
    if (fixedDimension(unet, 'timeIds', 1) === 5) return 'stable-diffusion-xl-refiner'
    return channels === 2 * latentChannels + 1 ? 'stable-diffusion-xl-inpaint' : 'stable-diffusion-xl'
  }
  if (findInput(unet, 'classLabels') && channels === latentChannels + 3) return 'latent-upscale'
  if (channels === 2 * latentChannels + 1) return 'stable-diffusion-inpaint'
  if (channels === 2 * latentChannels) return 'instruct-pix2pix'
  if (channels !== latentChannels) {
    throw new DiffgentorError(
      'unsupported',
      `The UNet takes ${channels} channels for latents of ${latentChannels}, which fits no family that diffgentor knows.`,
    )
  }
  return findInput(unet, 'timestepCond') ? 'latent-consistency' : 'stable-diffusion'
}
