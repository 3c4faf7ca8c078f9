import type { RawPicture, Size } from '../../../contract/index.ts'
import { blendPictures } from '../../../images/blend-pictures.ts'
import { compositeOver, invertPicture, toGray, toRgb } from '../../../images/convert-channels.ts'
import { convertInBands } from '../../../images/convert-in-bands.ts'
import { cropPicture, pasteInTurns } from '../../../images/crop-picture.ts'
import { decodePicture } from '../../../images/decode-picture.ts'
import { maskFromAlpha } from '../../../images/edit-mask.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { fillMasked } from '../../../images/fill-masked.ts'
import { type FitMode, fitInTurns } from '../../../images/fit-picture.ts'
import { resizeInTurns } from '../../../images/resize-picture.ts'
import { softenMask } from '../../../images/soften-mask.ts'
import { type Area, findMaskedArea, widenArea } from './masked-area.ts'

const HALF = 128

/** What is done with a mask. */
export interface InpaintWish {
  /** Sigma of the blur, in pixels. */
  blur: number
  /** Repaint what is black. */
  isInverted: boolean
  /** Put the blurred surroundings under the mask; else work starts from the source. */
  fills: boolean
  /** Work on the masked part alone, enlarged to the whole size, with that many pixels around it; absent: on all of the picture. */
  padding: number | undefined
  /** How the source comes to the size when all of it is worked on. */
  fit: FitMode
}

/** Pictures for a masked edit, and the way from what was drawn to the whole picture. */
export interface PreparedInpaint {
  image: Uint8Array
  mask: Uint8Array
  finish: (drawn: RawPicture) => Promise<RawPicture>
}

/** Prepares a masked edit the origin's way: what the mask leaves black is the source's own pixels in the result. */
export async function prepareInpaint(
  imageBytes: Uint8Array,
  maskBytes: Uint8Array,
  size: Size,
  wish: InpaintWish,
): Promise<PreparedInpaint> {
  const source = await convertInBands((await decodePicture(imageBytes)).picture, 3, overWhite)
  const sentMask = await resizeInTurns(await readMask(maskBytes), source, 'lanczos')
  const sharpMask = wish.isInverted ? await convertInBands(sentMask, 1, invertPicture) : sentMask
  const mask = await softenMask(sharpMask, wish.blur)
  const tight = wish.padding === undefined ? undefined : await findMaskedArea(mask, wish.padding)
  return tight
    ? await prepareArea(source, mask, widenArea(tight, size, source), size, wish)
    : await prepareWhole(source, mask, size, wish)
}

/** White repaints; in a mask with transparency, what is opaque does (stable-diffusion-webui, `create_binary_mask`). */
async function readMask(bytes: Uint8Array): Promise<RawPicture> {
  const { picture } = await decodePicture(bytes)
  const transparent = await maskFromAlpha(picture)
  if (!transparent) return await convertInBands(picture, 1, toGray)
  const toOpaque = (band: RawPicture) => ({ ...band, pixels: band.pixels.map((value) => (255 - value > HALF ? 255 : 0)) })
  return await convertInBands(transparent, 1, toOpaque)
}

async function prepareArea(
  source: RawPicture,
  mask: RawPicture,
  area: Area,
  size: Size,
  { fills }: InpaintWish,
): Promise<PreparedInpaint> {
  const part = cropPicture(source, area)
  const partMask = cropPicture(mask, area)
  const image = await resizeInTurns(part, size, 'lanczos')
  const fitted = await resizeInTurns(partMask, size, 'lanczos')
  return {
    image: await toPng(fills ? await fillMasked(image, fitted) : image),
    mask: await toPng(fitted),
    finish: async (drawn) => {
      const back = await resizeInTurns(await convertInBands(drawn, 3, toRgb), area, 'lanczos')
      const whole: RawPicture = { ...source, pixels: source.pixels.slice() }
      await pasteInTurns(whole, await blendPictures(part, back, partMask), area)
      return whole
    },
  }
}

async function prepareWhole(
  source: RawPicture,
  mask: RawPicture,
  size: Size,
  { fit, fills }: InpaintWish,
): Promise<PreparedInpaint> {
  const image = await fitInTurns(source, size, 'lanczos', fit)
  const fitted = await fitInTurns(mask, size, 'lanczos', fit)
  return {
    image: await toPng(fills ? await fillMasked(image, fitted) : image),
    mask: await toPng(fitted),
    finish: async (drawn) => {
      const back = await resizeInTurns(await convertInBands(drawn, 3, toRgb), size, 'lanczos')
      return await blendPictures(image, back, fitted)
    },
  }
}

function overWhite(picture: RawPicture): RawPicture {
  return compositeOver(picture, [255, 255, 255])
}

async function toPng(picture: RawPicture): Promise<Uint8Array> {
  return await encodePicture(picture, { format: 'png' })
}
