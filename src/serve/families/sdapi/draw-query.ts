import { z } from 'zod'
import type { RawFields } from '../../http/json-body.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { parseFields, wireInteger, wireNumber, wireText, wireWord } from '../../requests/wire-fields.ts'

/** What a request draws with that says nothing else. */
export const DRAW_DEFAULTS = {
  prompt: 'Ein rotes Fahrrad lehnt an einer alten Steinmauer, warmes Abendlicht, sehr detailliert',
  negative_prompt: 'blurry, low resolution, low quality',
  torch_dtype: 'float16',
  num_inference_steps: 20,
  guidance_scale: 7.5,
  count_returned: 1,
  seed: 0,
} as const

/** Pictures of one grid. */
const MAX_PICTURES = 64

/** Parameters of a drawing, which stand in the query. */
export const PROMPT_QUERY = z.object({
  prompt: wireText.describe('What to draw; default: a sample'),
  prompt_b: wireText.describe('A second prompt: its pictures stand below, from the same seeds; both are labeled'),
  torch_dtype: wireWord(['float16', 'float32', 'float64', 'bfloat16']).describe(
    'Taken and ignored: weights are used as they are stored',
  ),
  num_inference_steps: wireInteger(1, 200).describe('Denoising steps, default 20'),
  count_returned: wireInteger(1, MAX_PICTURES).describe('Pictures of the grid, default 1'),
  seed: wireInteger(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).describe('Default 0; negative: random'),
  guidance_scale: wireNumber(0, 100).describe('Classifier-free guidance, default 7.5'),
  width: wireInteger(1, 65_535).describe('Width in pixels, floored to what the model draws; default: the model decides'),
  height: wireInteger(1, 65_535).describe('Height in pixels, floored to what the model draws; default: the model decides'),
  negative_prompt: wireText.describe('What to steer away from; default: poor quality'),
})

export const CONFIG_QUERY = PROMPT_QUERY.extend({
  model_id: wireText.describe('Name of a served model'),
  lora: wireText.describe('Name of a LoRA, as /get_available_loras lists them; others are ignored'),
  upscaling_scale: wireInteger(1, 8).describe('How many times the finished pictures are enlarged, default 1'),
  upscaler: wireText.describe('How: Lanczos, the default, Nearest, or a graph of the folder that --upscaler_dir names'),
  controlnet: wireText.describe('Name of a ControlNet model, which looks at the file control_image, or else at image'),
  controlnet_scale: wireNumber(-10, 10).describe('How much it counts, default 1'),
  ip_adapter_scale: wireNumber(-10, 10).describe('How much the files named ip_adapter_image count beside the prompt, default 1'),
})

export type DrawQuery = z.output<typeof CONFIG_QUERY>

/** The query of a request; blank values count as absent. */
export function readQuery<S extends z.ZodType>(c: ServerContext, schema: S): z.output<S> {
  const given: RawFields = Object.fromEntries(Object.entries(c.req.query()).filter(([, value]) => value.trim() !== ''))
  return parseFields(schema, given)
}
