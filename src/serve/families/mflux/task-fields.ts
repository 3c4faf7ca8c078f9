import { z } from 'zod'
import type { RawFields } from '../../http/json-body.ts'

const SEED_FORM = /^\s*-?\d{1,100}\s*$/

export const TASK_FIELDS = z.object({
  prompt: z.string().max(32_000).describe('What to draw'),
  seed: z
    .union([z.string().regex(SEED_FORM), z.int()])
    .optional()
    .describe('Default: the current Unix time'),
  height: z.int().min(1).max(65_535).optional().describe('Height in pixels; default: the model decides'),
  width: z.int().min(1).max(65_535).optional().describe('Width in pixels; default: the model decides'),
  steps: z.int().min(1).max(200).optional().describe('Denoising steps; default: the model decides'),
  guidance: z.number().min(0).max(100).optional().describe('Classifier-free guidance, default 3.5'),
  format: z.string().optional().describe('PNG, or JPEG for everything else; default JPEG'),
  quality: z.int().optional().describe('Quality of JPEG, 1–100, default 85'),
  priority: z.boolean().optional().describe('Goes before everything that waits'),
  init_image: z.unknown().optional().describe('Source picture in base64; one that cannot be read is ignored'),
})

export type TaskFields = z.output<typeof TASK_FIELDS>

/** Types as the origin's schema names them. */
const TYPES: Readonly<Record<string, string>> = {
  prompt: 'string',
  seed: 'string',
  height: 'integer',
  width: 'integer',
  steps: 'integer',
  guidance: 'number',
  format: 'string',
  quality: 'integer',
  priority: 'boolean',
}

/** Checks the fields of a task. Faults are told field by field, in the words of the origin's validator. */
export function checkTaskFields(raw: RawFields): { fields: TaskFields } | { faults: Record<string, string> } {
  const given = Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null))
  const parsed = TASK_FIELDS.safeParse(given)
  if (parsed.success) return { fields: parsed.data }
  const faults = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0])
    return [name, describeFault(name, given[name], issue)] as const
  })
  return { faults: Object.fromEntries(faults) }
}

function describeFault(name: string, value: unknown, issue: z.core.$ZodIssue): string {
  if (value === undefined) return `'${name}' is a required property`
  if (issue.code === 'too_small') return `${quote(value)} is less than the minimum of ${issue.minimum}`
  if (issue.code === 'too_big') {
    return name === 'prompt' ? 'The prompt is too long' : `${quote(value)} is greater than the maximum of ${issue.maximum}`
  }
  if (name === 'seed' && typeof value === 'string') return `${quote(value)} does not match '${SEED_FORM.source}'`
  return `${quote(value)} is not of type '${TYPES[name]}'`
}

/** As Python shows a value. */
function quote(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return JSON.stringify(value)
}
