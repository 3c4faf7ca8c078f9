import { z } from 'zod'
import { wireBoolean, wireInteger, wireJson, wireNumber, wireText, wireWord } from '../../requests/wire-fields.ts'
import { DIFFUSION_FIELDS } from './diffusion-fields.ts'

/** What generations and edits share, with the extensions of other servers and our own. */
const SHARED_FIELDS = {
  prompt: z.string().max(32_000).describe('What to draw; for edits, the instruction'),
  model: wireText.describe('Name of a served model; others are answered by the only one'),
  n: wireInteger(1, 10).describe('Pictures, default 1'),
  size: wireText.describe('WIDTHxHEIGHT in pixels, or auto for the model’s default'),
  width: wireInteger(1, 65_535).describe('Width in pixels, where size is not given'),
  height: wireInteger(1, 65_535).describe('Height in pixels, where size is not given'),
  response_format: wireText.describe('b64_json (default), url or file'),
  output_format: wireWord(['png', 'jpeg', 'webp'], { jpg: 'jpeg' }).describe('png (default), jpeg or webp'),
  output_compression: wireInteger(0, 100).describe('Quality of jpeg and webp'),
  output_quality: wireWord(['default', 'maximum', 'high', 'medium', 'low']).describe('Quality of jpeg and webp in a word'),
  enable_upscaling: wireBoolean.describe('Enlarge the finished pictures with a Lanczos filter'),
  upscaling_scale: wireInteger(1, 8).describe('How many times, default 4'),
  stream: wireBoolean.describe('Answer with server-sent events'),
  partial_images: wireInteger(0, 3).describe('Previews of each picture while streaming'),
  quality: wireText.describe('Passed on to hosted models'),
  background: wireText.describe('Passed on to hosted models'),
  user: wireText.describe('Passed on to hosted models'),
  negative_prompt: wireText.describe('What to steer away from'),
  seed: wireInteger(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).describe(
    'Picture j gets (seed + j) mod 2³²; default: random',
  ),
  num_inference_steps: wireInteger(1, 200).describe('Denoising steps; default: the model decides'),
  guidance_scale: wireNumber(0, 20).describe('Classifier-free guidance; default: the model decides'),
  true_cfg_scale: wireNumber(0, 20).describe('True guidance of guidance-distilled models'),
  ...DIFFUSION_FIELDS.shape,
  diffusers_kwargs: wireJson(z.record(z.string(), z.unknown())).describe('Further fields of this request, which win'),
  generator_device: z.unknown().optional().describe('Not honored: noise comes from the CPU'),
  enable_teacache: wireBoolean.describe('Not honored: every step is computed'),
}

export const GENERATION_FIELDS = z.object({
  ...SHARED_FIELDS,
  style: wireText.describe('Passed on to hosted models'),
  moderation: wireText.describe('Passed on to hosted models'),
})

/** A picture in JSON: an address, a data URL or base64; `file_id` is told to be unknown. */
const REFERENCE = z.union([
  z.string(),
  z.instanceof(Uint8Array).meta({ type: 'string' }),
  z.object({ image_url: z.unknown().optional(), file_id: z.unknown().optional(), url: z.unknown().optional() }),
])

const REFERENCES = wireJson(z.union([REFERENCE, z.array(REFERENCE)]))

export const EDIT_FIELDS = z.object({
  ...SHARED_FIELDS,
  images: REFERENCES.describe('Source pictures, up to 16'),
  image: REFERENCES.describe('As images'),
  url: REFERENCES.describe('Addresses of source pictures'),
  mask: REFERENCES.describe('Where to repaint: transparent, or white where the mask has no transparency'),
  mask_image: REFERENCES.describe('Where to repaint: white'),
  input_fidelity: wireText.describe('Passed on to hosted models'),
  strength: wireNumber(0, 1).describe('How far the result may leave the source'),
  image_guidance_scale: wireNumber(1, 100).describe('How closely InstructPix2Pix models keep to the source'),
})

export const VARIATION_FIELDS = EDIT_FIELDS.omit({ prompt: true }).extend({
  prompt: wireText.describe('What to change, if anything'),
})

export type GenerationFields = z.output<typeof GENERATION_FIELDS>
/** What generations and edits have in common. */
export type SharedFields = Omit<GenerationFields, 'style' | 'moderation'>
export type EditFields = z.output<typeof EDIT_FIELDS>
/** A reference to a source picture, as it stands in a request. */
export type WireReference = z.output<typeof REFERENCE>

const PICTURE_ITEM = z.object({
  b64_json: z.string().nullable(),
  url: z.string().nullable(),
  revised_prompt: z.string().nullable(),
})

export const IMAGES_ANSWER = z.object({
  created: z.int(),
  data: z.array(PICTURE_ITEM),
  background: z.string().nullable(),
  output_format: z.string(),
  size: z.string().nullable(),
  quality: z.string().nullable(),
  usage: z.record(z.string(), z.unknown()).nullable(),
  warnings: z.array(z.string()),
  has_nsfw_concepts: z.array(z.boolean()).optional().describe('Which pictures the safety checker blackened, where one looks'),
})
