import type { Enclosures } from '../backends/hosted/enclosures.ts'
import { decodePicture, readPictureHeader } from '../images/decode-picture.ts'
import { encodePicture } from '../images/encode-picture.ts'
import { resizePicture } from '../images/resize-picture.ts'

/** Longest edge that a chat model is shown, in pixels: what they look at, and a fraction of what cameras take. */
const LONGEST_EDGE = 1536
const COMMON = new Set(['png', 'jpeg', 'webp'])

/** A source picture as a data URL for a chat message, made smaller when it is large. */
export async function toChatPicture(bytes: Uint8Array, enclosures: Enclosures): Promise<string> {
  const { width, height, format, isTurned } = await readPictureHeader(bytes)
  const scale = LONGEST_EDGE / Math.max(width, height)
  const isFit = scale >= 1 && COMMON.has(format.format) && !isTurned
  const [mime, shown] = isFit ? [format.mime, bytes] : ['image/jpeg', await makeFit(bytes, width, height, Math.min(1, scale))]
  return `data:${mime};base64,${enclosures.asText(shown)}`
}

async function makeFit(bytes: Uint8Array, width: number, height: number, scale: number): Promise<Uint8Array> {
  const { picture } = await decodePicture(bytes)
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) }
  const shown = scale < 1 ? resizePicture(picture, size, 'bilinear') : picture
  return await encodePicture(shown, { format: 'jpeg' })
}
