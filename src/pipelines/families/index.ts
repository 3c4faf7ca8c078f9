import { DiffgentorError } from '../../errors.ts'
import type { PipelineFamily } from '../pipeline.ts'
import type { PrepareRequest } from './family.ts'
import { prepareFlux, prepareFluxFill, prepareFluxKontext } from './flux.ts'
import { prepareFlux2Klein } from './flux2-klein.ts'
import { prepareInstructPix2Pix } from './instruct-pix2pix.ts'
import { prepareLatentConsistency } from './latent-consistency.ts'
import { prepareLatentUpscale } from './latent-upscale.ts'
import { preparePixArt } from './pixart.ts'
import { prepareQwenImage, prepareQwenImageEdit } from './qwen-image.ts'
import { prepareSana } from './sana.ts'
import { prepareStableDiffusion } from './stable-diffusion.ts'
import { prepareStableDiffusion3 } from './stable-diffusion-3.ts'
import { prepareStableDiffusionXl } from './stable-diffusion-xl.ts'
import { prepareUniDiffuser } from './unidiffuser.ts'
import { prepareWan } from './wan.ts'
import { prepareZImage } from './z-image.ts'

const FAMILIES: Readonly<Partial<Record<PipelineFamily, PrepareRequest>>> = {
  'stable-diffusion': prepareStableDiffusion,
  'stable-diffusion-inpaint': prepareStableDiffusion,
  'stable-diffusion-xl': prepareStableDiffusionXl,
  'stable-diffusion-xl-refiner': prepareStableDiffusionXl,
  'stable-diffusion-xl-inpaint': prepareStableDiffusionXl,
  'latent-consistency': prepareLatentConsistency,
  'instruct-pix2pix': prepareInstructPix2Pix,
  'latent-upscale': prepareLatentUpscale,
  'stable-diffusion-3': prepareStableDiffusion3,
  flux: prepareFlux,
  'flux-fill': prepareFluxFill,
  'flux-kontext': prepareFluxKontext,
  'flux2-klein': prepareFlux2Klein,
  'z-image': prepareZImage,
  'qwen-image': prepareQwenImage,
  'qwen-image-edit': prepareQwenImageEdit,
  'qwen-image-edit-plus': prepareQwenImageEdit,
  sana: prepareSana,
  pixart: preparePixArt,
  unidiffuser: prepareUniDiffuser,
  wan: prepareWan,
}

/** How a family makes a request ready. */
export function findFamily(name: PipelineFamily): PrepareRequest {
  const prepare = FAMILIES[name]
  if (prepare) return prepare
  throw new DiffgentorError('unsupported', `The local engine cannot draw with models of the family ${name}.`)
}
