import { z } from 'zod'
import { wireLora } from '../../requests/lora-choice.ts'
import { wireBoolean, wireInteger, wireNumber, wireText } from '../../requests/wire-fields.ts'

/** A part of a message; other servers' short forms included. */
const PART = z.union([
  z.string(),
  z.object({
    type: wireText,
    text: wireText,
    image: z.unknown().optional(),
    image_url: z.unknown().optional(),
  }),
])

const MESSAGE = z.object({
  role: z.string(),
  content: z.union([z.string(), z.array(PART), z.null()]).optional(),
})

export const CHAT_FIELDS = z.object({
  messages: z.array(MESSAGE).max(10_000).describe('All texts of user messages are the prompt; their pictures are edited'),
  model: wireText.describe('Name of a served model'),
  stream: wireBoolean.describe('Answer with server-sent events'),
  size: wireText.describe('WIDTHxHEIGHT; other texts are ignored'),
  width: wireInteger(1, 65_535).describe('Width in pixels'),
  height: wireInteger(1, 65_535).describe('Height in pixels'),
  num_outputs_per_prompt: wireInteger(1, 10).describe('Pictures, default 1'),
  num_inference_steps: wireInteger(1, 200).describe('Denoising steps; default: the model decides'),
  guidance_scale: wireNumber(0, 20).describe('Classifier-free guidance; default: the model decides'),
  true_cfg_scale: wireNumber(0, 20).describe('True guidance of guidance-distilled models'),
  seed: wireInteger(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).describe('Base seed; default: random'),
  negative_prompt: wireText.describe('What to steer away from'),
  lora: wireLora,
})

export type ChatFields = z.output<typeof CHAT_FIELDS>
export type ChatPart = z.output<typeof PART>

export const CHAT_ANSWER = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(z.record(z.string(), z.unknown())),
  usage: z.record(z.string(), z.int()),
  warnings: z.array(z.string()),
})
