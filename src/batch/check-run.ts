import { resolve } from 'node:path'
import type { BatchSettings } from '../config/settings.ts'
import type { ImageRequest } from '../contract/index.ts'
import { COLUMN_NAMES, requireColumns } from '../datasets/columns.ts'
import type { Dataset } from '../datasets/dataset.ts'
import { resultFormatOf } from '../datasets/write-results.ts'
import { DiffgentorError } from '../errors.ts'
import type { BatchOptions } from './batch-options.ts'
import { toDiffusionOptions } from './diffusion-options.ts'
import { type RowFilter, selectRows } from './filter-rows.ts'
import { promptColumns } from './plan-row.ts'

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
  if (kind === 't2i' || settings.instruction === undefined) requireColumns(dataset, promptColumns({ kind, settings }))
  if (kind === 'edit') requireColumns(dataset, settings.imageKey ?? COLUMN_NAMES.image)
  if (settings.outputNameColumn !== undefined) requireColumns(dataset, [settings.outputNameColumn])
  await backend.check?.(requestOfSettings(settings))
  return { isSelected, resultsPath: path !== undefined ? resolve(path) : kind === 'edit' ? 'default' : undefined }
}

/** What the settings ask of every row. Control pictures come with the rows. */
function requestOfSettings(settings: BatchSettings): ImageRequest {
  const { size, width, height, numImagesPerPrompt, numInferenceSteps, guidanceScale } = settings
  return {
    prompt: '',
    numImages: numImagesPerPrompt,
    size: size ?? (width !== undefined && height !== undefined ? { width, height } : undefined),
    numInferenceSteps,
    guidanceScale,
    diffusion: toDiffusionOptions({ ...settings, controlnet: undefined }, { controlImages: [], ipAdapterImages: [] }),
  }
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
