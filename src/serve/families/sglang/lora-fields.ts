import { z } from 'zod'
import { wireJson, wireText, wireWord } from '../../requests/wire-fields.ts'

/** The parts of a model that the protocol tells apart. */
export const LORA_TARGETS = ['all', 'transformer', 'transformer_2', 'critic'] as const

const MAX_LORAS = 16
const nickname = z.string().min(1).max(200)
const strength = z.number().min(-100).max(100)
const alpha = z.number().min(0).max(1e6)
const target = z.union([z.string(), z.array(z.string()).max(MAX_LORAS)]).optional()
const model = wireText.describe('Which of several served models; default: the first')

export const SET_LORA_FIELDS = z.object({
  lora_nickname: z.union([nickname, z.array(nickname).min(1).max(MAX_LORAS)]).describe('Names of your choice'),
  lora_path: z
    .union([z.string(), z.array(z.string().nullable()).max(MAX_LORAS)])
    .optional()
    .describe(
      'Files in the folder of --lora_dir or the model store, or of the hub, as org/name or org/name/file.safetensors; not needed for known names',
    ),
  target: target.describe('all (default) or transformer'),
  strength: z
    .union([strength, z.array(strength).max(MAX_LORAS)])
    .optional()
    .describe('Weight of each, default 1'),
  merge_mode: wireWord(['auto', 'merge', 'dynamic']).describe('The engine decides for itself; pictures do not depend on it'),
  lora_alpha: wireJson(z.union([alpha, z.array(alpha.nullable()).max(MAX_LORAS)])).describe('Not honored: a file brings its own'),
  model,
})

export const MERGE_FIELDS = z.object({ target, strength: strength.optional().describe('Weight of each, default 1'), model })

export const UNMERGE_FIELDS = z.object({ target, model })

export const LORA_DONE = z.object({
  status: z.literal('ok'),
  message: z.string(),
  warnings: z.array(z.string()).optional(),
})

const NAMED = z.object({ nickname: z.string(), path: z.string() })

export const LORA_LIST = z.object({
  loaded_adapters: z.array(NAMED),
  active: z.record(z.string(), z.array(NAMED.extend({ merged: z.boolean(), strength: z.number() }))),
})

export type SetLoraFields = z.output<typeof SET_LORA_FIELDS>
