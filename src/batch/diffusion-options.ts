import { BATCH_SETTINGS, type BatchSettings, type CamelCase, toCamelCase } from '../config/settings.ts'
import type { ControlNetChoice, DiffusionOptions } from '../contract/index.ts'
import type { RowSources } from './source-loader.ts'

type SettingName = keyof typeof BATCH_SETTINGS

/** Settings that go into the request as they are, under the same name. */
const COPIED = [
  'scheduler',
  'scheduler_config',
  'timesteps',
  'sigmas',
  'guidance_rescale',
  'clip_skip',
  'prompt_2',
  'prompt_3',
  'negative_prompt_2',
  'negative_prompt_3',
  'eta',
  'prompt_syntax',
  'noise_source',
  'noise_dtype',
  'variation_strength',
  'variation_seed',
  'seed_resize_from',
  'mask_fill',
  'vae',
  'guess_mode',
  'refiner',
  'denoising_end',
  'denoising_start',
  'original_size',
  'target_size',
  'crop_top_left',
  'negative_original_size',
  'negative_target_size',
  'negative_crop_top_left',
  'aesthetic_score',
  'negative_aesthetic_score',
  'resize_references',
  'max_sequence_length',
  'cfg_normalization',
  'cfg_truncation',
  'prompt_instruction',
  'resolution_binning',
  'data_type',
  'num_frames',
  'upscale',
  'save_latents',
] as const satisfies readonly SettingName[]

const FIELDS = COPIED.map((name) => ({
  key: toCamelCase(name) as CamelCase<(typeof COPIED)[number]>,
  byDefault: BATCH_SETTINGS[name].default as unknown,
}))

/**
 * What only local diffusion understands; undefined when nothing of it was asked for, so that other backends need not warn.
 * `pictures` are the condition pictures, one for each ControlNet, and those for an IP-Adapter.
 */
export function toDiffusionOptions(
  settings: BatchSettings,
  { controlImages, ipAdapterImages }: Pick<RowSources, 'controlImages' | 'ipAdapterImages'>,
): DiffusionOptions | undefined {
  const wishes: Record<string, unknown> = {}
  for (const { key, byDefault } of FIELDS) {
    if (settings[key] !== undefined && settings[key] !== byDefault) wishes[key] = settings[key]
  }
  if (settings.lora) wishes.loras = settings.lora
  if (settings.embedding) wishes.embeddings = settings.embedding
  if (settings.controlnet) {
    wishes.controlnets = settings.controlnet.map((choice, at): ControlNetChoice => ({ ...choice, image: controlImages[at]! }))
  }
  if (ipAdapterImages.length > 0) wishes.ipAdapter = { images: ipAdapterImages, scale: settings.ipAdapterScale }
  return Object.keys(wishes).length === 0 ? undefined : (wishes as DiffusionOptions)
}
