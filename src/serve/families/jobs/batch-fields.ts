import { z } from 'zod'
import { readSetting } from '../../../config/setting.ts'
import { BATCH_SETTINGS, type BatchSettings, type ServeSettings, toCamelCase, withDefaults } from '../../../config/settings.ts'
import { DiffgentorError, toDiffgentorError } from '../../../errors.ts'
import type { RawFields } from '../../http/json-body.ts'

/** Settings of a batch that a caller may choose: how pictures look and how rows are read, never where files lie. */
const CHOICES = [
  'negative_prompt',
  'num_images_per_prompt',
  'width',
  'height',
  'size',
  'num_inference_steps',
  'guidance_scale',
  'true_cfg_scale',
  'seed',
  'scheduler',
  'guidance_rescale',
  'clip_skip',
  'prompt_2',
  'prompt_3',
  'negative_prompt_2',
  'negative_prompt_3',
  'prompt_syntax',
  'eta',
  'noise_source',
  'noise_dtype',
  'denoising_start',
  'denoising_end',
  'original_size',
  'target_size',
  'crop_top_left',
  'max_sequence_length',
  'cfg_normalization',
  'cfg_truncation',
  'prompt_instruction',
  'resolution_binning',
  'resize_references',
  'data_type',
  'strength',
  'image_guidance_scale',
  'ip_adapter_scale',
  'output_format',
  'output_quality',
  'output_name_column',
  'metadata',
  'instruction',
  'instruction_key',
  'image_key',
  'mask_key',
  'filter_rows',
  'max_retries',
  'max_failures',
] as const satisfies readonly (keyof typeof BATCH_SETTINGS)[]

/** Fields of an upload beside its file. */
export const BATCH_FIELDS = z.object({
  file: z.string().describe('Prompts or a data set: txt, jsonl, json, csv, tsv or parquet'),
  kind: z.string().optional().describe('t2i (default) or edit'),
  model: z.string().optional().describe('Name of a served model'),
  ...Object.fromEntries(CHOICES.map((name) => [name, z.string().optional().describe(BATCH_SETTINGS[name].describe)])),
})

const OTHER_FIELDS = ['file', 'kind', 'model', 'extra_body']

export interface BatchChoice {
  kind: 't2i' | 'edit'
  settings: BatchSettings
  warnings: string[]
}

/** Reads what a caller chose, over the server's own settings. Throws `invalid_field`. */
export function readBatchSettings(serve: ServeSettings, fields: RawFields, outputDir: string): BatchChoice {
  const { kind = 't2i' } = fields
  if (kind !== 't2i' && kind !== 'edit') throw invalid('kind', 'kind must be t2i or edit.')
  const given = CHOICES.filter((name) => fields[name] !== undefined && fields[name] !== null)
  const chosen = given.map((name) => [toCamelCase(name), readField(name, fields[name])])
  const unknown = Object.keys(fields).filter(
    (name) => !(CHOICES as readonly string[]).includes(name) && !OTHER_FIELDS.includes(name),
  )
  const { modelName: _, ...shared } = serve
  const settings = withDefaults(BATCH_SETTINGS, {
    ...pickKnown(shared),
    ...Object.fromEntries(chosen),
    outputDir,
    allowPrivateUrls: serve.allowPrivateUrls,
  })
  return { kind, settings, warnings: unknown.map((name) => `The field ${name} is not known and was ignored.`) }
}

/** The server's settings that a batch has too. */
function pickKnown(serve: Omit<ServeSettings, 'modelName'>): Partial<BatchSettings> {
  const names = new Set(Object.keys(BATCH_SETTINGS).map(toCamelCase))
  return Object.fromEntries(Object.entries(serve).filter(([name]) => names.has(name)))
}

function readField(name: (typeof CHOICES)[number], value: unknown): unknown {
  try {
    return readSetting<unknown>(BATCH_SETTINGS[name], value, name)
  } catch (thrown) {
    throw invalid(name, toDiffgentorError(thrown).message)
  }
}

function invalid(field: string, message: string): DiffgentorError {
  return new DiffgentorError('invalid_field', message, { field })
}
