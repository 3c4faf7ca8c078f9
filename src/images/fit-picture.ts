import type { RawPicture, Size } from '../contract/index.ts'
import { cropPicture, pastePicture } from './crop-picture.ts'
import { type ResizeFilter, resizeInTurns, resizePicture } from './resize-picture.ts'

/** How a picture of another shape comes to a size, as in diffusers: stretched, fitted in with its edges drawn out, or cut to fill. */
export type FitMode = 'default' | 'fill' | 'crop'

/** The size that a model works at when none is asked for: the picture's own, cut down to a multiple of `factor`. */
export function defaultSize(picture: Size, factor: number): Size {
  return { width: picture.width - (picture.width % factor), height: picture.height - (picture.height % factor) }
}

/** Brings a picture to a size as diffusers' `VaeImageProcessor.resize` does. */
export function fitPicture(
  picture: RawPicture,
  size: Size,
  filter: ResizeFilter = 'lanczos',
  mode: FitMode = 'default',
): RawPicture {
  return place(resizePicture(picture, contentSize(picture, size, mode), filter), size, mode)
}

/** As `fitPicture`, in parts, so that a large picture holds up nobody. */
export async function fitInTurns(picture: RawPicture, size: Size, filter: ResizeFilter, mode: FitMode): Promise<RawPicture> {
  return place(await resizeInTurns(picture, contentSize(picture, size, mode), filter), size, mode)
}

/** The size that the whole picture takes. */
function contentSize(picture: Size, size: Size, mode: FitMode): Size {
  if (mode === 'default') return size
  const isWider = picture.width / picture.height > size.width / size.height
  return isWider === (mode === 'crop') ? atHeight(picture, size.height) : atWidth(picture, size.width)
}

function place(resized: RawPicture, size: Size, mode: FitMode): RawPicture {
  if (mode === 'default') return resized
  return mode === 'crop' ? cutMiddle(resized, size) : drawOutEdges(resized, size)
}

function cutMiddle(resized: RawPicture, size: Size): RawPicture {
  const left = Math.floor(resized.width / 2) - Math.floor(size.width / 2)
  const top = Math.floor(resized.height / 2) - Math.floor(size.height / 2)
  return cropPicture(resized, { left, top, ...size })
}

function drawOutEdges(resized: RawPicture, size: Size): RawPicture {
  const left = Math.floor(size.width / 2) - Math.floor(resized.width / 2)
  const top = Math.floor(size.height / 2) - Math.floor(resized.height / 2)
  const pixels = new Uint8Array(size.width * size.height * resized.channels)
  const canvas: RawPicture = { ...resized, ...size, pixels }
  pastePicture(canvas, resized, { left, top })
  if (top > 0) {
    const band = { width: size.width, height: top }
    pastePicture(canvas, drawOut(resized, band, { vertical: at(0) }), { left: 0, top: 0 })
    pastePicture(canvas, drawOut(resized, band, { vertical: at(resized.height) }), { left: 0, top: top + resized.height })
  } else if (left > 0) {
    const band = { width: left, height: size.height }
    pastePicture(canvas, drawOut(resized, band, { horizontal: at(0) }), { left: 0, top: 0 })
    pastePicture(canvas, drawOut(resized, band, { horizontal: at(resized.width) }), { left: left + resized.width, top: 0 })
  }
  return canvas
}

/** The bands beside the picture are an empty slice of its edge, enlarged with Pillow's default filter. */
function drawOut(picture: RawPicture, size: Size, part: Parameters<typeof resizePicture>[3]): RawPicture {
  return resizePicture(picture, size, 'bicubic', part)
}

function at(edge: number): { start: number; end: number } {
  return { start: edge, end: edge }
}

function atHeight(picture: Size, height: number): Size {
  return { width: Math.floor((picture.width * height) / picture.height), height }
}

function atWidth(picture: Size, width: number): Size {
  return { width, height: Math.floor((picture.height * width) / picture.width) }
}
