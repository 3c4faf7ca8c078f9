import type { EditSource, RawPicture, Size, SizeRule } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { cropPicture, extendPicture } from './crop-picture.ts'
import { decodePicture, readPictureHeader } from './decode-picture.ts'
import { encodePicture } from './encode-picture.ts'
import { resizeInTurns } from './resize-picture.ts'

/** An edit brought to a size that the model draws. */
export interface PaddedEdit {
  edit: EditSource
  /** The size to draw at. */
  size: Size
  /** Brings a drawn picture back to the source's size; one that an upscaler enlarged stays as much larger. */
  finish(picture: RawPicture): Promise<RawPicture>
  /** One sentence, when the source had to be scaled. */
  note?: string | undefined
}

/**
 * An edit without an explicit size keeps its source's size: the first picture and the mask are extended to the right and below,
 * by repeating their edges, to the next size that the model draws, and the result is cut back. For a model that draws certain
 * sizes only, the source is scaled to fit into the nearest of them, and the result is scaled back.
 */
export async function padEdit(edit: EditSource, rule: SizeRule): Promise<PaddedEdit> {
  const [first, ...others] = edit.images
  if (!first) throw new DiffgentorError('invalid_request', 'An edit needs at least one source image, got none.')
  const { width, height } = await readPictureHeader(first)
  const source = { width, height }
  const { size, content } = placeSource(source, rule)
  if (isSame(size, source)) return { edit, size, finish: async (picture) => picture }
  const place = (bytes: Uint8Array) => placePicture(bytes, size, content)
  const isScaled = !isSame(content, source)
  return {
    edit: { ...edit, images: [await place(first), ...others], mask: edit.mask && (await place(edit.mask)) },
    size,
    finish: (picture) => takeBack(picture, size, content, source),
    note: isScaled
      ? `The model draws ${rule.only?.join(', ')} only, so the source of ${width}x${height} was scaled to fit and the result scaled back.`
      : undefined,
  }
}

/** Where a source goes: the size to draw, and the size that the source takes at its top left. */
function placeSource(source: Size, rule: SizeRule): { size: Size; content: Size } {
  const size = { width: roundUp(source.width, rule), height: roundUp(source.height, rule) }
  if (rule.only && !rule.only.includes(`${size.width}x${size.height}`)) return fitInto(source, rule.only)
  if (Math.max(size.width, size.height) <= rule.max) return { size, content: source }
  throw new DiffgentorError(
    'invalid_request',
    `The source is ${source.width}x${source.height} and the model draws sides up to ${rule.max} pixels; give --width and --height.`,
    { field: 'size' },
  )
}

function roundUp(length: number, { multiple, min }: SizeRule): number {
  return Math.max(Math.ceil(length / multiple), Math.ceil(min / multiple)) * multiple
}

/** Of the possible sizes the one of which the source leaves the least unused, and among those the one nearest in area. */
function fitInto(source: Size, only: readonly string[]): { size: Size; content: Size } {
  const area = source.width * source.height
  const fits = only.map((text) => {
    const [width = 1, height = 1] = text.split('x').map(Number)
    const scale = Math.min(width / source.width, height / source.height)
    const content = {
      width: Math.max(1, Math.round(source.width * scale)),
      height: Math.max(1, Math.round(source.height * scale)),
    }
    const unused = 1 - (content.width * content.height) / (width * height)
    return { size: { width, height }, content, unused, distance: Math.abs(Math.log((width * height) / area)) }
  })
  return fits.reduce((best, fit) => ((fit.unused - best.unused || fit.distance - best.distance) < 0 ? fit : best))
}

async function placePicture(bytes: Uint8Array, size: Size, content: Size): Promise<Uint8Array> {
  const { picture } = await decodePicture(bytes)
  return await encodePicture(extendPicture(await resizeInTurns(picture, content, 'lanczos'), size), { format: 'png' })
}

async function takeBack(picture: RawPicture, size: Size, content: Size, source: Size): Promise<RawPicture> {
  const scale = picture.width / size.width
  const drawn = cropPicture(picture, { left: 0, top: 0, width: content.width * scale, height: content.height * scale })
  return await resizeInTurns(drawn, { width: source.width * scale, height: source.height * scale }, 'lanczos')
}

function isSame(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height
}
