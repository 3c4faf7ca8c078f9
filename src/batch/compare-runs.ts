import { BATCH_SETTINGS, type SettingTable } from '../config/settings.ts'
import type { Dataset } from '../datasets/dataset.ts'
import { DiffgentorError } from '../errors.ts'
import type { RunRecord } from './run-record.ts'

const SHAPING_NAMES: readonly string[] = Object.entries(BATCH_SETTINGS as SettingTable)
  .filter(([name, setting]) => setting.shapesPictures && name !== 'seed' && name !== 'backend' && name !== 'model_name')
  .map(([name]) => name)

/** What would make other pictures than the folder's earlier run, one phrase a difference: `guidance_scale was 7, is 5`. */
function compareRuns(earlier: RunRecord, present: RunRecord): string[] {
  const differences: string[] = []
  const compare = (name: string, was: unknown, is: unknown) => {
    const [before, now] = [describe(was), describe(is)]
    if (before !== now) differences.push(`${name} was ${before}, is ${now}`)
  }
  compare('command', earlier.kind, present.kind)
  compare('backend', earlier.backend, present.backend)
  compare('model', earlier.model, present.model)
  const seed = present.settings.seed
  if (seed !== undefined) compare('seed', earlier.base_seed, seed)
  for (const name of SHAPING_NAMES) compare(name, earlier.settings[name], present.settings[name])
  return differences
}

/** Refuses a resume whose settings or data set would change pictures. Rows appended to the data set are no change. */
export async function checkResume(earlier: RunRecord, present: RunRecord, dataset: Dataset, folder: string): Promise<void> {
  const differences = compareRuns(earlier, present)
  const { rows, bytes, sha256 } = earlier.dataset
  if (!(await dataset.startsWith({ rows, bytes, sha256 }))) {
    differences.push(
      present.dataset.rows < rows
        ? `the data set had ${rows} rows, has ${present.dataset.rows}`
        : `rows of the data set that were there before have changed`,
    )
  }
  if (differences.length === 0) return
  throw new DiffgentorError(
    'resume_mismatch',
    `${folder} holds a run with other settings: ${differences.join('; ')}. Use --force to mix, --no_resume to start over, or another --output_dir.`,
  )
}

function describe(value: unknown): string {
  return value === undefined || value === null ? 'not set' : JSON.stringify(value)
}
