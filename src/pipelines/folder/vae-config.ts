import type { FamilyTraits } from './family-traits.ts'
import type { JsonObject, ModelFolder } from './model-folder.ts'

/** How a VAE's latents relate to what the denoiser works on, and to pixels. */
export interface VaeConfig {
  latentChannels: number
  /** Pixels of the picture in one latent. */
  scaleFactor: number
  /** denoiser latents = (VAE latents − shift) × scaling, unless `mean` and `std` are given. */
  scaling: number
  shift: number
  /** Per channel: denoiser latents = (VAE latents − mean) × scaling / std. */
  mean: readonly number[] | undefined
  std: readonly number[] | undefined
  /** Side of the pictures that it was trained on, for tiling. */
  sampleSize: number
  blocks: number
}

/** Reads the VAE's constants from its configuration; missing ones are the family's. */
export function readVaeConfig({ configs }: ModelFolder, traits: FamilyTraits, latentChannels: number): VaeConfig {
  const config: JsonObject = configs.get('vae_decoder') ?? configs.get('vae_encoder') ?? {}
  const channels = config['block_out_channels'] ?? config['encoder_block_out_channels']
  const blocks = Array.isArray(channels) ? channels.length : undefined
  const patch = traits.latentPatch ?? 1
  return {
    latentChannels,
    scaleFactor: blocks === undefined ? traits.vaeScaleFactor : 2 ** (blocks - 1) * patch,
    scaling: readNumber(config['scaling_factor']) ?? traits.vaeScaling,
    shift: readNumber(config['shift_factor']) ?? 0,
    mean: readNumbers(config['latents_mean']),
    std: readNumbers(config['latents_std']),
    sampleSize: readNumber(config['sample_size']) ?? traits.side,
    blocks: blocks ?? Math.log2(traits.vaeScaleFactor) + 1,
  }
}

function readNumber(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

function readNumbers(value: unknown): number[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'number') ? value : undefined
}
