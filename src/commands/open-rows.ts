import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { BatchSettings } from '../config/settings.ts'
import type { Dataset } from '../datasets/dataset.ts'
import { openDataset } from '../datasets/open-dataset.ts'
import { DiffgentorError } from '../errors.ts'
import { makeOutputFolder } from '../sinks/make-folder.ts'
import type { Terminal } from './terminal.ts'

/** Opens the rows that a command's flags name. */
export async function openRows(kind: 't2i' | 'edit', settings: BatchSettings, terminal: Terminal): Promise<Dataset> {
  const source = kind === 't2i' ? promptSource(settings) : editSource(settings)
  // What stdin brings is kept there, and a folder that cannot be made is told in the same words as without stdin.
  if (source === '-' && settings.inputFormat && !settings.dryRun) makeOutputFolder(settings.outputDir)
  return await openDataset({
    source,
    kind,
    format: settings.inputFormat,
    stdin: terminal.stdin as Readable,
    // A dry run must leave no trace, so it keeps what it reads from stdin in a temporary folder.
    spoolFolder: settings.dryRun ? undefined : join(settings.outputDir, 'logs'),
  })
}

function promptSource({ prompt, promptsFile }: BatchSettings): string | readonly string[] {
  if (prompt && promptsFile) {
    throw new DiffgentorError('invalid_configuration', 'Give prompts with --prompt or with --prompts_file, not both.')
  }
  if (prompt?.some((text) => text.trim() === '')) {
    throw new DiffgentorError('invalid_configuration', '--prompt expects what to draw, got an empty text.', { field: 'prompt' })
  }
  const source = prompt ?? promptsFile
  if (source === undefined) {
    throw new DiffgentorError('invalid_configuration', 'Give prompts with --prompt "a red apple" or --prompts_file FILE.')
  }
  return source
}

function editSource({ input }: BatchSettings): string {
  if (input !== undefined) return input
  throw new DiffgentorError(
    'invalid_configuration',
    'Name what to edit with --input: a data set, a folder of pictures, or one picture.',
  )
}
