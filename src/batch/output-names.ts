import { DiffgentorError } from '../errors.ts'
import type { OutputFormat } from '../images/encode-picture.ts'

const FORMAT_OF_ENDING: Readonly<Record<string, OutputFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.webp': 'webp',
  '.avif': 'avif',
}

const ENDING_OF_FORMAT: Readonly<Record<OutputFormat, string>> = {
  png: '.png',
  jpeg: '.jpg',
  webp: '.webp',
  avif: '.avif',
}

/** Names that Windows gives to devices, in any folder and with any ending; refused everywhere, so that folders can be copied. */
const DEVICE_NAME = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])[ .]*(?:\..*)?$/i
const DRIVE = /^[a-z]:/i
const CONTROL_CHARACTER = /\p{Cc}/u
const LONE_SURROGATE = /\p{Surrogate}/u
const NOT_ON_WINDOWS = /[<>:"|?*]|[ .](?:\/|$)/
/** Bytes in UTF-8 of one part of a path. */
const LONGEST_PART = 255
/** Files that a run writes beside the pictures, under endings that a picture may have. */
const OWN_NAMES = /^contact-sheet(?:-\d+-of-\d+)?(?:\.[^/]*)?\.png$/i

/** What names the pictures of one row. */
export interface NameRequest {
  index: number
  numImages: number
  /** The row's own name; absent or blank: the index. */
  name?: string | undefined
  /** Format of names without a known ending. */
  format: OutputFormat
}

/** The names of a row's pictures, as paths inside the output folder with `/`. Throws `invalid_output_name`. */
export function nameOutputs({ index, numImages, name, format }: NameRequest): string[] {
  const isNamed = name !== undefined && name.trim() !== ''
  const { stem, ending } = isNamed
    ? splitName(cleanName(name), format)
    : { stem: padIndex(index), ending: ENDING_OF_FORMAT[format] }
  const names =
    numImages === 1
      ? [stem + ending]
      : Array.from({ length: numImages }, (_, image) => `${stem}_${String(image).padStart(2, '0')}${ending}`)
  // The last one has the longest number. No common file system takes more, which must not be found out after drawing.
  const isTooLong =
    isNamed &&
    names
      .at(-1)!
      .split('/')
      .some((part) => Buffer.byteLength(part) > LONGEST_PART)
  if (isTooLong) throw refuse(name, `has a part of more than ${LONGEST_PART} bytes`)
  return names
}

/** The format in which a name is written. */
export function formatOfName(name: string): OutputFormat {
  return FORMAT_OF_ENDING[endingOf(name).toLowerCase()] ?? 'png'
}

/** Where the final latents of a picture go: beside it, under the same name. */
export function latentsNameOf(name: string): string {
  return `${name.slice(0, name.length - endingOf(name).length)}.npy`
}

function padIndex(index: number): string {
  return index < 0 ? `-${padIndex(-index)}` : String(index).padStart(6, '0')
}

function splitName(name: string, format: OutputFormat): { stem: string; ending: string } {
  const ending = endingOf(name)
  const stem = name.slice(0, name.length - ending.length)
  const isKnown = ending.toLowerCase() in FORMAT_OF_ENDING && stem !== '' && !stem.endsWith('/')
  return isKnown ? { stem, ending } : { stem: name, ending: ENDING_OF_FORMAT[format] }
}

function endingOf(name: string): string {
  const dot = name.lastIndexOf('.')
  return dot > name.lastIndexOf('/') ? name.slice(dot) : ''
}

/** A row's name as a path that stays in the output folder on every system, or an error that says why it cannot. */
function cleanName(name: string): string {
  const path = name.replaceAll('\\', '/')
  if (CONTROL_CHARACTER.test(path)) throw refuse(name, 'holds a control character')
  if (LONE_SURROGATE.test(path)) throw refuse(name, 'is no valid Unicode text')
  if (path.startsWith('/') || DRIVE.test(path)) throw refuse(name, 'is an absolute path')
  if (process.platform === 'win32' && NOT_ON_WINDOWS.test(path))
    throw refuse(name, 'holds characters that Windows does not allow')
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.pop() === undefined) throw refuse(name, 'leaves the output folder')
    if (part === '..') continue
    if (DEVICE_NAME.test(part)) throw refuse(name, `holds the reserved device name "${part}"`)
    parts.push(part)
  }
  if (parts.length === 0 || /(?:^|\/)\.{0,2}$/.test(path)) throw refuse(name, 'names a folder, not a file')
  const clean = parts.join('/')
  if (DRIVE.test(clean)) throw refuse(name, 'is an absolute path')
  if (OWN_NAMES.test(clean)) throw refuse(name, 'is kept for the contact sheet')
  return clean
}

function refuse(name: string, reason: string): DiffgentorError {
  const shown = JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name)
  return new DiffgentorError('invalid_output_name', `The output name ${shown} ${reason}; give a path inside the output folder.`, {
    field: 'output_name',
  })
}
