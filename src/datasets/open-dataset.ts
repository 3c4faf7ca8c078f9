import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { DiffgentorError } from '../errors.ts'
import { openFileSource, textSource } from './byte-source.ts'
import type { Dataset } from './dataset.ts'
import { formatOfName, type InputFormat, isParquetName, isPictureName } from './input-format.ts'
import { openRecordDataset } from './record-dataset.ts'
import { spoolStream } from './spool-stream.ts'

/** What the rows are for: prompts to draw, or pictures to edit. */
export type DatasetKind = 't2i' | 'edit'

export interface OpenDatasetOptions {
  /** A path, `-` for standard input, or the prompts themselves. */
  source: string | readonly string[]
  kind: DatasetKind
  /** Default: by the ending of the name. Needed for standard input. */
  format?: InputFormat | undefined
  /** What `-` reads. */
  stdin?: Readable | undefined
  /** Where standard input is written, and kept once the data set is told to. Default: a temporary folder, removed with the data set. */
  spoolFolder?: string | undefined
  /** Against what relative paths resolve. Default: the working folder. */
  workingFolder?: string | undefined
}

/** Opens any source of rows. One that is missing, empty, of the wrong kind or of an unknown format is one sentence. */
export async function openDataset(options: OpenDatasetOptions): Promise<Dataset> {
  const { source, kind, workingFolder = '.' } = options
  if (typeof source !== 'string') return openPrompts(source, kind, resolve(workingFolder))
  if (source === '-') {
    const { stdin } = options
    if (stdin === undefined) throw refuse('Standard input is not available here.')
    return openStream(() => stdin, 'Standard input', options)
  }
  const path = resolve(workingFolder, source)
  const facts = await statSource(path, source)
  if (facts.isDirectory()) return openFolder(path, source, kind)
  // What a shell hands over as `<(command)` can be read only once, like standard input.
  if (facts.isFIFO()) return openStream(() => createReadStream(path), source, options)
  if (!facts.isFile()) throw refuse(`${source} is neither a file nor a folder.`)
  if (facts.size === 0) throw refuse(`${source} is empty.`)
  if (options.format === undefined && isPictureName(path)) {
    if (kind === 't2i')
      throw refuse(`${source} is a picture, but prompts are expected; pictures are edited with "diffgentor edit".`)
    return openPictures([basename(path)], dirname(path), source)
  }
  return openFile(path, { name: source, kind, format: options.format ?? formatOfName(source), folder: dirname(path) })
}

interface FileOptions {
  name: string
  kind: DatasetKind
  format: InputFormat
  folder: string
}

async function openFile(path: string, { name, kind, format, folder }: FileOptions): Promise<Dataset> {
  if (format === 'txt' && kind === 'edit') {
    throw refuse(`${name} is plain text, which cannot name pictures; use csv, tsv, jsonl, json or parquet.`)
  }
  if (format === 'parquet') return await openParquet([path], { name, folder })
  const source = await openFileSource(path)
  try {
    return await openRecordDataset(source, { name, folder, format, textColumn: kind === 'edit' ? 'instruction' : 'prompt' })
  } catch (error) {
    await source[Symbol.asyncDispose]()
    throw error
  }
}

/** Parquet's packages bring WebAssembly, which no other format needs. */
async function openParquet(paths: string[], options: { name: string; folder: string }): Promise<Dataset> {
  const { openParquetDataset } = await import('./parquet-dataset.ts')
  return await openParquetDataset(paths, options)
}

async function statSource(path: string, name: string) {
  try {
    return await stat(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new DiffgentorError('invalid_configuration', `${name} ${reason}.`, { cause: error })
  }
}

/** Prompts from the command line: they are held anyway. */
function openPrompts(prompts: readonly string[], kind: DatasetKind, folder: string): Promise<Dataset> {
  if (prompts.length === 0) throw refuse('No prompt is given.')
  const text = prompts.map((prompt) => JSON.stringify(prompt)).join('\n')
  const textColumn = kind === 'edit' ? 'instruction' : 'prompt'
  return openRecordDataset(textSource(text), { name: '--prompt', folder, format: 'jsonl', textColumn })
}

async function openFolder(path: string, name: string, kind: DatasetKind): Promise<Dataset> {
  const entries = (await readdir(path)).filter((entry) => !entry.startsWith('.')).sort()
  const parts = entries.filter(isParquetName)
  if (parts.length > 0) {
    return await openParquet(
      parts.map((part) => join(path, part)),
      { name, folder: path },
    )
  }
  const pictures = entries.filter(isPictureName)
  if (kind === 't2i') throw refuse(`The folder ${name} holds no Parquet files; name a file with prompts instead.`)
  if (pictures.length === 0) throw refuse(`The folder ${name} holds neither pictures nor Parquet files.`)
  return openPictures(pictures, path, name)
}

/** Pictures as rows with the one column `image`, in the order of their names. */
function openPictures(names: readonly string[], folder: string, name: string): Promise<Dataset> {
  const text = names.map((image) => JSON.stringify({ image })).join('\n')
  return openRecordDataset(textSource(text), { name, folder, format: 'jsonl', textColumn: 'instruction' })
}

async function openStream(open: () => Readable, name: string, options: OpenDatasetOptions): Promise<Dataset> {
  const { kind, format, workingFolder = '.' } = options
  if (format === undefined) throw refuse(`${name} has no ending that tells its format; say it with --input_format.`)
  const folder = options.spoolFolder ?? (await mkdtemp(join(tmpdir(), 'diffgentor-')))
  const spool = await spoolStream(open(), folder, format)
  const discard = options.spoolFolder === undefined ? () => rm(folder, { recursive: true, force: true }) : spool.discard
  try {
    const dataset = await openFile(spool.path, { name: 'stdin', kind, format, folder: resolve(workingFolder) })
    const dispose = dataset[Symbol.asyncDispose].bind(dataset)
    const disposeBoth = async () => {
      await dispose()
      await discard()
    }
    return Object.assign(dataset, { keep: spool.keep, [Symbol.asyncDispose]: disposeBoth })
  } catch (error) {
    await discard()
    throw error
  }
}

function refuse(sentence: string): DiffgentorError {
  return new DiffgentorError('invalid_configuration', sentence)
}
