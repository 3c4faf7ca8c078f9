import type { PipelineFamily } from '../pipeline.ts'

/** Words for families of transformers that people use in scripts of other tools. */
export const TRANSFORMER_WORDS: Readonly<Record<string, PipelineFamily>> = {
  sd3: 'stable-diffusion-3',
  'sd3.5': 'stable-diffusion-3',
  sd35: 'stable-diffusion-3',
  'stable-diffusion-3': 'stable-diffusion-3',
  flux: 'flux',
  flux1: 'flux',
  'flux-dev': 'flux',
  'flux-schnell': 'flux',
  'flux-fill': 'flux-fill',
  'flux-kontext': 'flux-kontext',
  kontext: 'flux-kontext',
  flux2: 'flux2-klein',
  'flux2-klein': 'flux2-klein',
  'flux.2': 'flux2-klein',
  klein: 'flux2-klein',
}
