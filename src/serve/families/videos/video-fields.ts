import { z } from 'zod'
import { wireInteger, wireJson, wireNumber, wireText, wireWord } from '../../requests/wire-fields.ts'
import { EDIT_FIELDS } from '../openai/image-fields.ts'

const PICTURES = EDIT_FIELDS.shape.images

/** What a video is ordered with: OpenAI's fields, SGLang's, and those of pictures that mean the same here. */
export const VIDEO_FIELDS = z.object({
  ...EDIT_FIELDS.pick({
    prompt: true,
    model: true,
    size: true,
    width: true,
    height: true,
    output_compression: true,
    output_quality: true,
    negative_prompt: true,
    seed: true,
    num_inference_steps: true,
    guidance_scale: true,
    true_cfg_scale: true,
    scheduler: true,
    scheduler_config: true,
    lora: true,
    diffusers_kwargs: true,
    generator_device: true,
    enable_teacache: true,
  }).shape,
  seconds: wireInteger(1, 3600).describe('Length, default 4, as near as the model comes'),
  fps: wireInteger(1, 120).describe('Frames a second; default: as the model was trained'),
  num_frames: wireInteger(1, 100_000).describe('Frames, in place of seconds'),
  guidance_scale_2: wireNumber(0, 20).describe('Not honored: models with two transformers are not drawn with'),
  input_reference: PICTURES.describe('Picture to begin with, for models that take one'),
  reference_url: PICTURES.describe('Address of such a picture'),
})

export type VideoFields = z.output<typeof VIDEO_FIELDS>

export const REMIX_FIELDS = EDIT_FIELDS.pick({ prompt: true })

export const VIDEO_EDIT_FIELDS = REMIX_FIELDS.extend({
  video: wireJson(z.union([z.object({ id: z.string() }), z.string()])).describe('{"id": …} of a video of this server'),
})

export const EXTENSION_FIELDS = VIDEO_EDIT_FIELDS.extend({
  seconds: VIDEO_FIELDS.shape.seconds.describe('How long it goes on, default 4'),
})

export const VIDEO_PAGE = z.object({
  limit: wireInteger(1, 100).describe('Videos of a page, default 20'),
  after: wireText.describe('Last video of the page before'),
  order: wireText.describe('asc, or desc (default): by the time of the order'),
})

export const CONTENT_QUERY = z.object({
  variant: wireWord(['video', 'thumbnail', 'spritesheet']).describe('video (default, MP4), thumbnail (WebP), spritesheet (JPEG)'),
})

/** A video as callers see it. */
export const VIDEO_ANSWER = z.object({
  id: z.string(),
  object: z.literal('video'),
  model: z.string(),
  status: z.enum(['queued', 'in_progress', 'completed', 'failed']),
  progress: z.int().describe('0 to 100'),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  expires_at: z.int().nullable(),
  prompt: z.string(),
  size: z.string(),
  seconds: z.string(),
  quality: z.literal('standard'),
  remixed_from_video_id: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  num_frames: z.int(),
  fps: z.int(),
  seed: z.int(),
  inference_time_s: z.number().nullable(),
  warnings: z.array(z.string()),
})

export type VideoAnswer = z.output<typeof VIDEO_ANSWER>
