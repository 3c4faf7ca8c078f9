import { resolve } from 'node:path'
import { BATCH_SETTINGS, type BatchSettings } from '../config/settings.ts'
import type { ImageRequest } from '../contract/index.ts'
import { COLUMN_NAMES, requireColumns } from '../datasets/columns.ts'
import type { Dataset } from '../datasets/dataset.ts'
import { resultFormatOf } from '../datasets/write-results.ts'
import { DiffgentorError } from '../errors.ts'
import type { BatchOptions } from './batch-options.ts'
import { toDiffusionOptions } from './diffusion-options.ts'
import { type RowFilter, selectRows } from './filter-rows.ts'
import { promptColumns } from './plan-row.ts'

const DEFAULT_KEYS: ReadonlySet<string> = new Set([BATCH_SETTINGS.instruction_key.default, BATCH_SETTINGS.mask_key.default])

/** What is settled before anything is written. */
export interface CheckedRun {
  isSelected: RowFilter
  /** Absolute path of the results; undefined: none are wished. `default`: beside the ledger. */
  resultsPath: string | 'default' | undefined
}

/** Refuses, before anything is touched, what could only fail: each refusal is one sentence with exit code 2. */
export async function checkRun({ dataset, backend, settings, kind }: BatchOptions): Promise<CheckedRun> {
  const isSelected = selectRows(settings)
  const path = settings.outputCsv
  if (path !== undefined) resultFormatOf(path)
  await checkDataset(dataset)
  checkColumns(dataset, kind, settings)
  await backend.check?.(requestOfSettings(settings))
  return { isSelected, resultsPath: path !== undefined ? resolve(path) : kind === 'edit' ? 'default' : undefined }
}

/** What the settings ask of every row. Pictures come with the rows. */
function requestOfSettings(settings: BatchSettings): ImageRequest {
  const { size, width, height, numImagesPerPrompt, numInferenceSteps, guidanceScale } = settings
  const diffusion = toDiffusionOptions({ ...settings, controlnet: undefined }, { controlImages: [], ipAdapterImages: [] })
  const ipAdapter = settings.ipAdapterImage && { images: [], scale: settings.ipAdapterScale }
  return {
    prompt: '',
    numImages: numImagesPerPrompt,
    size: size ?? (width !== undefined && height !== undefined ? { width, height } : undefined),
    numInferenceSteps,
    guidanceScale,
    diffusion: ipAdapter ? { ...diffusion, ipAdapter } : diffusion,
  }
}

/** Columns that are asked for by name must be there, since a wrong name would leave every row without them. */
function checkColumns(dataset: Dataset, kind: BatchOptions['kind'], settings: BatchSettings): void {
  if (settings.outputNameColumn !== undefined) requireColumns(dataset, [settings.outputNameColumn])
  if (kind === 't2i') {
    requireColumns(dataset, promptColumns({ kind, settings }))
    return
  }
  const { imageKey, instructionKey, maskKey, instruction } = settings
  if (dataset.hasAllColumns) {
    const given = [...(imageKey ?? []), instructionKey, maskKey].filter((key) => !DEFAULT_KEYS.has(key))
    for (const key of given) requireColumns(dataset, [key])
  }
  requireColumns(dataset, imageKey ?? COLUMN_NAMES.image)
  if (instruction === undefined) requireColumns(dataset, promptColumns({ kind, settings }), 'give one for all with --instruction')
}

async function checkDataset(dataset: Dataset): Promise<void> {
  if ((await dataset.countRows()) === 0) {
    throw new DiffgentorError('invalid_configuration', `${dataset.name} has no rows; give at least one.`)
  }
  const duplicates = await dataset.findDuplicateIndexes()
  if (duplicates.length === 0) return
  throw new DiffgentorError(
    'invalid_configuration',
    `${dataset.name} has rows with the same index: ${duplicates.join(', ')}; each row needs its own.`,
    { field: 'index' },
  )
}
