import { extname } from 'node:path'
import { DiffgentorError } from '../errors.ts'

/** Formats that are text and read record by record. */
export type TextFormat = 'txt' | 'jsonl' | 'json' | 'csv' | 'tsv'
export type InputFormat = TextFormat | 'parquet'

const FORMATS_BY_ENDING: Readonly<Record<string, InputFormat>> = {
  '.txt': 'txt',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.json': 'json',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
  '.parquet': 'parquet',
  '.pq': 'parquet',
}

/** Endings taken for pictures in a folder. Those that cannot be decoded become errors of their rows instead of being passed over in silence. */
const PICTURE_ENDINGS = new Set('.png .jpg .jpeg .webp .avif .gif .tif .tiff .bmp .heic .heif .jxl'.split(' '))

export function isPictureName(name: string): boolean {
  return PICTURE_ENDINGS.has(extname(name).toLowerCase())
}

export function isParquetName(name: string): boolean {
  return FORMATS_BY_ENDING[extname(name).toLowerCase()] === 'parquet'
}

/** The format that a file's ending tells, or one sentence that lists the known ones. */
export function formatOfName(path: string): InputFormat {
  const ending = extname(path).toLowerCase()
  const format = FORMATS_BY_ENDING[ending]
  if (format) return format
  const known = Object.keys(FORMATS_BY_ENDING).join(', ')
  const got = ending === '' ? 'none' : `"${ending}"`
  throw new DiffgentorError(
    'invalid_configuration',
    `The format of ${path} is unknown: expected one of the endings ${known}, got ${got}; say the format with --input_format.`,
  )
}
