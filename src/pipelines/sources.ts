import type { ControlNetChoice, ImageRequest, RawPicture, Size } from '../contract/index.ts'
import { toGray, toRgb } from '../images/convert-channels.ts'
import { decodePicture } from '../images/decode-picture.ts'
import { fitPicture } from '../images/fit-picture.ts'
import { maskToTensor, pictureToTensor } from '../images/picture-tensor.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** The pictures of an edit, decoded. */
export interface SourcePictures {
  image: RawPicture
  mask: RawPicture | undefined
}

/** Decodes the condition pictures of ControlNets. */
export async function readConditions(choices: readonly ControlNetChoice[]): Promise<RawPicture[]> {
  return await Promise.all(choices.map(async ({ image }) => (await decodePicture(image)).picture))
}

/** Decodes the pictures that an edit looks at. */
export async function readReferences(edit: NonNullable<ImageRequest['edit']>): Promise<RawPicture[]> {
  return await Promise.all(edit.images.map(async (image) => (await decodePicture(image)).picture))
}

/** Decodes the first source picture and the mask. */
export async function readSources(edit: NonNullable<ImageRequest['edit']>): Promise<SourcePictures> {
  const image = (await decodePicture(edit.images[0]!)).picture
  return { image, mask: edit.mask && (await decodePicture(edit.mask)).picture }
}

/** A source picture as a VAE wants it. Resized in its own mode and converted afterwards, as diffusers does. */
export function toSourceTensor(image: RawPicture, size: Size): Tensor {
  return pictureToTensor(toRgb(fitPicture(image, size)))
}

/** A condition picture as a ControlNet wants it. */
export function toConditionTensor(picture: RawPicture, size: Size): Tensor {
  return pictureToTensor(toRgb(fitPicture(picture, size)), 'unit')
}

/** A mask at the picture's size: 1 repaints, 0 keeps. */
export function toMask(mask: RawPicture, size: Size): Tensor {
  return maskToTensor(toGray(fitPicture(mask, size)))
}

/** The source with everything that will be repainted at mid-gray. */
export function hideMasked(source: Tensor, mask: Tensor): Tensor {
  const plane = mask.data.length
  return { data: source.data.map((value, i) => (mask.data[i % plane]! < 0.5 ? value : 0)), shape: source.shape }
}
