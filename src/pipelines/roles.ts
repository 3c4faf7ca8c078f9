import type { RoleNames } from '../onnx-runtime/index.ts'

/** What a UNet or a transformer may be fed. */
export type DenoiserRole =
  | 'latents'
  | 'timestep'
  | 'text'
  | 'pooled'
  | 'timeIds'
  | 'timestepCond'
  | 'classLabels'
  | 'controlImages'
  | 'controlScales'
  | 'imageEmbeds'
  | 'ipAdapterScale'
  | 'guidance'
  | 'imageIds'
  | 'textIds'
  | 'textMask'
  | 'resolution'
  | 'aspectRatio'

export const DENOISER_ROLES: RoleNames<DenoiserRole> = {
  latents: ['sample', 'latent_sample', 'latent', 'latents', 'hidden_states', 'latent_image_embeds', 'x'],
  timestep: ['timestep', 't', 'timesteps', 'time'],
  text: ['encoder_hidden_states', 'context', 'prompt_embeds'],
  pooled: ['text_embeds', 'pooled_projections', 'y'],
  timeIds: ['time_ids'],
  timestepCond: ['timestep_cond'],
  classLabels: ['class_labels', 'noise_level'],
  controlImages: ['controlnet_conds'],
  controlScales: ['conditioning_scales'],
  imageEmbeds: ['image_embeds', 'ip_adapter_image_embeds'],
  ipAdapterScale: ['ip_adapter_scale'],
  guidance: ['guidance', 'guidance_scale'],
  imageIds: ['img_ids'],
  textIds: ['txt_ids'],
  textMask: ['encoder_hidden_states_mask', 'encoder_attention_mask', 'attention_mask'],
  resolution: ['resolution'],
  aspectRatio: ['aspect_ratio'],
}

export const DENOISER_OUTPUTS = ['out_sample', 'out_hidden_states', 'noise_pred', 'sample', 'output']

export type TextRole = 'ids' | 'mask'

export const TEXT_ROLES: RoleNames<TextRole> = { ids: ['input_ids', 'ids', 'tokens'], mask: ['attention_mask'] }

export const VAE_DECODER_ROLES: RoleNames<'latents'> = {
  latents: ['latent_sample', 'latents', 'latent', 'sample', 'z', 'x', 'input'],
}
export const VAE_DECODER_OUTPUTS = ['sample', 'image', 'images', 'output', 'out']

export const VAE_ENCODER_ROLES: RoleNames<'picture'> = { picture: ['sample', 'image', 'images', 'pixel_values', 'x', 'input'] }
/** Mean and logarithm of the variance, side by side on the channels. */
export const VAE_MOMENTS = ['latent_parameters', 'moments']
/** Latents that the graph itself has drawn or that need no draw. */
export const VAE_LATENTS = ['latent_sample', 'latents', 'latent', 'output']
