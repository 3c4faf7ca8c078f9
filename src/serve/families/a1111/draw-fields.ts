import { z } from 'zod'
import { wireBoolean, wireInteger, wireJson, wireNumber, wireText } from '../../requests/wire-fields.ts'

const OVERRIDES = z.looseObject({
  sd_model_checkpoint: z.string().nullish().describe('Title of a served model'),
  CLIP_stop_at_last_layers: wireInteger(1, 12).describe('1 uses every layer of the text encoder'),
})

/** A picture: base64 with or without the head of a data URL, or an address. */
const PICTURE = z.union([z.string(), z.instanceof(Uint8Array).meta({ type: 'string' })])

export const TXT2IMG_FIELDS = z.object({
  prompt: z.string().max(32_000).default('').describe('What to draw, with weights such as (word:1.2) and <lora:name:weight>'),
  negative_prompt: z.string().max(32_000).default('').describe('What to steer away from'),
  seed: wireInteger(-1, Number.MAX_SAFE_INTEGER).describe('Picture j gets (seed + j) mod 2³²; -1, the default: random'),
  subseed: wireInteger(-1, Number.MAX_SAFE_INTEGER).describe('Another seed, picture j’s is one higher; -1, the default: random'),
  subseed_strength: wireNumber(0, 1).describe(
    'How far the noise is turned towards the other seed’s; the seed then stays the same',
  ),
  seed_resize_from_w: wireInteger(-1, 65_535).describe('Width of the picture whose noise is laid into the middle; default: none'),
  seed_resize_from_h: wireInteger(-1, 65_535).describe('Its height'),
  steps: wireInteger(1, 200).describe('Denoising steps; default: the model decides'),
  cfg_scale: wireNumber(0, 100).describe('Classifier-free guidance; default: the model decides'),
  width: wireInteger(1, 65_535).describe('Width in pixels; default: the model decides'),
  height: wireInteger(1, 65_535).describe('Height in pixels; default: the model decides'),
  batch_size: wireInteger(1, 16).describe('Pictures of one turn, default 1'),
  n_iter: wireInteger(1, 100).describe('Turns, default 1; skip ends one of them, interrupt all'),
  sampler_name: wireText.describe('Sampler, as /sdapi/v1/samplers lists them; default: the model decides'),
  sampler_index: wireText.describe('As sampler_name'),
  scheduler: wireText.describe('Layout of the steps, as /sdapi/v1/schedulers lists them'),
  eta: wireNumber(0, 100).describe('DDIM’s share of fresh noise'),
  denoising_strength: wireNumber(0, 1).describe('How far the second pass, or an edit, may leave its source'),
  enable_hr: wireBoolean.describe('Draw, enlarge, and draw over the enlarged picture'),
  hr_scale: wireNumber(1, 8).describe('Factor of the enlargement, default 2'),
  hr_resize_x: wireInteger(0, 65_535).describe('Width to enlarge to, in place of the factor'),
  hr_resize_y: wireInteger(0, 65_535).describe('Height to enlarge to, in place of the factor'),
  hr_second_pass_steps: wireInteger(0, 200).describe('Steps of the second pass; 0, the default: as the first'),
  hr_upscaler: wireText.describe('How to enlarge, as /sdapi/v1/upscalers lists them; default Lanczos, also for latent modes'),
  hr_prompt: wireText.describe('What the second pass draws; default: the prompt'),
  hr_sampler_name: wireText.describe('Sampler of the second pass; default: the same'),
  hr_scheduler: wireText.describe('Layout of its steps; default: the same'),
  hr_checkpoint_name: wireText,
  hr_negative_prompt: wireText.describe('What the second pass steers away from; default: the negative prompt'),
  override_settings: wireJson(OVERRIDES).describe('Options for this request alone'),
  send_images: wireBoolean.describe('false leaves the pictures out of the answer'),
  save_images: wireBoolean,
  restore_faces: wireBoolean,
  tiling: wireBoolean,
  refiner_checkpoint: wireText,
  alwayson_scripts: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('controlnet with its args: image, model, weight, guidance_start, guidance_end; others are not honored'),
  script_name: wireText,
  styles: z.array(z.unknown()).optional(),
})

export const IMG2IMG_FIELDS = TXT2IMG_FIELDS.extend({
  init_images: z.array(PICTURE).max(16).optional().describe('Source pictures; several make one picture each'),
  mask: PICTURE.optional().describe('White is repainted'),
  mask_blur: wireNumber(0, 256).describe('Sigma in pixels by which the mask is softened, default 4'),
  inpainting_mask_invert: wireInteger(0, 1).describe('1 repaints where the mask is black'),
  inpainting_fill: wireInteger(0, 3).describe(
    'What stands under the mask at first: 0 surroundings, 1 the source, 2 noise in latent space, 3 nothing there',
  ),
  inpaint_full_res: wireBoolean.describe('Work on the masked part alone, at the full size; default true'),
  inpaint_full_res_padding: wireInteger(0, 65_535).describe('Pixels around the masked part, default 0'),
  resize_mode: wireInteger(0, 3).describe('0 stretch, 1 crop, 2 fill, 3 as 0'),
  include_init_images: wireBoolean.describe('Echo the source pictures in parameters'),
})

export type Txt2imgFields = z.output<typeof TXT2IMG_FIELDS>
export type Img2imgFields = z.output<typeof IMG2IMG_FIELDS>

export const DRAW_ANSWER = z.object({
  images: z.array(z.string()).describe('PNG files in base64'),
  parameters: z.record(z.string(), z.unknown()),
  info: z.string().describe('JSON text: seeds, sizes and infotexts'),
  warnings: z.array(z.string()),
  has_nsfw_concepts: z.array(z.boolean()).optional().describe('Which pictures the safety checker blackened, where one looks'),
})
