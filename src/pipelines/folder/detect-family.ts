import { DiffgentorError } from '../../errors.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { PipelineFamily } from '../pipeline.ts'
import { DENOISER_ROLES, type DenoiserRole } from '../roles.ts'

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

/** The input of a graph that plays a role. */
export function findInput(signature: GraphSignature, role: DenoiserRole): GraphSignature['inputs'][number] | undefined {
  const byName = new Map(signature.inputs.map((input) => [input.name.toLowerCase(), input]))
  const name = DENOISER_ROLES[role].find((candidate) => byName.has(candidate))
  return name === undefined ? undefined : byName.get(name)
}

/** The size that a graph fixes on one axis of a role's input. */
export function fixedDimension(signature: GraphSignature, role: DenoiserRole, axis: number): number | undefined {
  const size = findInput(signature, role)?.dims[axis]
  return typeof size === 'number' ? size : undefined
}
