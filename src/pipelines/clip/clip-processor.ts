import { readFile } from 'node:fs/promises'
import type { RawPicture, Size } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { toRgb } from '../../images/convert-channels.ts'
import { cropPicture } from '../../images/crop-picture.ts'
import { CLIP_COLORS, type ColorStatistics, pictureToNormalized } from '../../images/normalized-tensor.ts'
import { type ResizeFilter, resizePicture } from '../../images/resize-picture.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** How pictures are brought to a CLIP vision encoder, as transformers' `preprocessor_config.json` tells. Plain values only. */
export interface ClipProcessor {
  /** Length of the shorter side in pixels, or both sides; absent: not resized. */
  resize?: number | Size | undefined
  filter: ResizeFilter
  /** The part that is cut from the middle; absent: all of it. */
  crop?: Size | undefined
  colors: ColorStatistics
}

/** Pillow's numbers for its filters. */
const FILTERS: readonly ResizeFilter[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming']

/** The processor of every CLIP: the middle square, resized bicubically. */
export function squareProcessor(side: number): ClipProcessor {
  return { resize: side, filter: 'bicubic', crop: { width: side, height: side }, colors: CLIP_COLORS }
}

/** Reads the first of the files that exists; what it does not tell, and everything without a file, is as for a square of `side`. */
export async function readClipProcessor(files: readonly string[], side: number): Promise<ClipProcessor> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text !== undefined) return parseProcessor(text, file, side)
  }
  return squareProcessor(side)
}

function parseProcessor(text: string, file: string, side: number): ClipProcessor {
  const config = parseObject(text, file)
  const usual = squareProcessor(side)
  const { image_mean: mean, image_std: std, resample } = config
  return {
    resize: config['do_resize'] === false ? undefined : (readResize(config['size']) ?? usual.resize),
    filter: (typeof resample === 'number' ? FILTERS[resample] : undefined) ?? usual.filter,
    crop: config['do_center_crop'] === false ? undefined : (readSides(config['crop_size']) ?? usual.crop),
    colors: isTriple(mean) && isTriple(std) ? { mean, std } : usual.colors,
  }
}

function parseObject(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    const content: unknown = JSON.parse(text)
    if (typeof content === 'object' && content !== null) return content as Record<string, unknown>
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The file ${file} is not valid JSON; download the model again.`, { cause })
  }
  throw new DiffgentorError('model_unreadable', `The file ${file} must hold a JSON object.`)
}

/** A number is the shorter side. */
function readResize(size: unknown): ClipProcessor['resize'] {
  if (typeof size === 'number') return size
  const shortest = (size as { shortest_edge?: unknown } | undefined)?.shortest_edge
  return typeof shortest === 'number' ? shortest : readSides(size)
}

/** A number is both sides. */
function readSides(size: unknown): Size | undefined {
  if (typeof size === 'number') return { width: size, height: size }
  const { width, height } = (size ?? {}) as Record<string, unknown>
  return typeof width === 'number' && typeof height === 'number' ? { width, height } : undefined
}

function isTriple(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 3 && value.every((item) => typeof item === 'number')
}

/** A picture as [1, 3, height, width], to the bit as transformers' slow CLIP processor makes it. */
export function toClipInput(picture: RawPicture, { resize, filter, crop, colors }: ClipProcessor): Tensor {
  const rgb = toRgb(picture)
  const size = typeof resize === 'number' ? shortSideAt(rgb, resize) : resize
  const resized = size === undefined ? rgb : resizePicture(rgb, size, filter)
  return pictureToNormalized(crop === undefined ? resized : cropMiddle(resized, crop), colors)
}

function cropMiddle(picture: RawPicture, crop: Size): RawPicture {
  const left = Math.floor((picture.width - crop.width) / 2)
  const top = Math.floor((picture.height - crop.height) / 2)
  return cropPicture(picture, { left, top, ...crop })
}

function shortSideAt({ width, height }: Size, side: number): Size {
  return width <= height
    ? { width: side, height: Math.trunc((side * height) / width) }
    : { width: Math.trunc((side * width) / height), height: side }
}
