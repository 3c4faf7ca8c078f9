import type { RawPicture, Size } from '../../../contract/index.ts'
import { blendPictures } from '../../../images/blend-pictures.ts'
import { compositeOver, toGray, toRgb } from '../../../images/convert-channels.ts'
import { cropPicture, pastePicture } from '../../../images/crop-picture.ts'
import { decodePicture } from '../../../images/decode-picture.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { fillMasked } from '../../../images/fill-masked.ts'
import { type FitMode, fitPicture } from '../../../images/fit-picture.ts'
import { resizePicture } from '../../../images/resize-picture.ts'
import { softenMask } from '../../../images/soften-mask.ts'
import { type Area, findMaskedArea, widenArea } from './masked-area.ts'

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
  finish: (drawn: RawPicture) => RawPicture
}

/** Prepares a masked edit the origin's way: what the mask leaves black is the source's own pixels in the result. */
export async function prepareInpaint(
  imageBytes: Uint8Array,
  maskBytes: Uint8Array,
  size: Size,
  wish: InpaintWish,
): Promise<PreparedInpaint> {
  const source = compositeOver((await decodePicture(imageBytes)).picture, [255, 255, 255])
  const sentMask = resizePicture(toGray((await decodePicture(maskBytes)).picture), source, 'lanczos')
  const sharpMask = wish.isInverted ? invert(sentMask) : sentMask
  const mask = await softenMask(sharpMask, wish.blur)
  const tight = wish.padding === undefined ? undefined : findMaskedArea(mask, wish.padding)
  return tight
    ? await prepareArea(source, mask, widenArea(tight, size, source), size, wish)
    : await prepareWhole(source, mask, size, wish)
}

async function prepareArea(
  source: RawPicture,
  mask: RawPicture,
  area: Area,
  size: Size,
  { fills }: InpaintWish,
): Promise<PreparedInpaint> {
  const image = resizePicture(cropPicture(source, area), size, 'lanczos')
  const fitted = resizePicture(cropPicture(mask, area), size, 'lanczos')
  return {
    image: await toPng(fills ? await fillMasked(image, fitted) : image),
    mask: await toPng(fitted),
    finish: (drawn) => {
      const layer: RawPicture = { ...source, pixels: source.pixels.slice() }
      pastePicture(layer, resizePicture(toRgb(drawn), area, 'lanczos'), area)
      return blendPictures(source, layer, mask)
    },
  }
}

async function prepareWhole(
  source: RawPicture,
  mask: RawPicture,
  size: Size,
  { fit, fills }: InpaintWish,
): Promise<PreparedInpaint> {
  const image = fitPicture(source, size, 'lanczos', fit)
  const fitted = fitPicture(mask, size, 'lanczos', fit)
  return {
    image: await toPng(fills ? await fillMasked(image, fitted) : image),
    mask: await toPng(fitted),
    finish: (drawn) => blendPictures(image, resizePicture(toRgb(drawn), size, 'lanczos'), fitted),
  }
}

function invert(mask: RawPicture): RawPicture {
  return { ...mask, pixels: mask.pixels.map((value) => 255 - value) }
}

async function toPng(picture: RawPicture): Promise<Uint8Array> {
  return await encodePicture(picture, { format: 'png' })
}
