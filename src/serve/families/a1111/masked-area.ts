import type { RawPicture, Size } from '../../../contract/index.ts'
import { takeTurns } from '../../../event-loop/take-turns.ts'
import type { Position } from '../../../images/crop-picture.ts'

/** A part of a picture, in pixels. */
export type Area = Position & Size

/** Pixels looked at at once: about a millisecond. */
const PART_PIXELS = 512 * 1024

/** The smallest area that holds everything that is not black, with some pixels around it; undefined for an all-black mask. */
export async function findMaskedArea(mask: RawPicture, padding: number): Promise<Area | undefined> {
  const { width, height, pixels } = mask
  let [left, top, right, bottom] = [width, height, 0, 0]
  await takeTurns(height, Math.max(1, Math.floor(PART_PIXELS / width)), (start, end) => {
    for (let y = start, at = start * width; y < end; y++) {
      for (let x = 0; x < width; x++, at++) {
        if (pixels[at] === 0) continue
        left = Math.min(left, x)
        right = Math.max(right, x + 1)
        top = Math.min(top, y)
        bottom = Math.max(bottom, y + 1)
      }
    }
  })
  if (right === 0) return undefined
  left = Math.max(0, left - padding)
  top = Math.max(0, top - padding)
  return { left, top, width: Math.min(width, right + padding) - left, height: Math.min(height, bottom + padding) - top }
}

/** Widens an area to the shape of a size, as far as the picture has room (stable-diffusion-webui, modules/masking.py). */
export function widenArea(area: Area, shape: Size, picture: Size): Area {
  const ratio = shape.width / shape.height
  if (area.width / area.height > ratio) {
    const [top, height] = widenSpan(area.top, area.height, Math.trunc(area.width / ratio), picture.height)
    return { ...area, top, height }
  }
  const [left, width] = widenSpan(area.left, area.width, Math.trunc(area.height * ratio), picture.width)
  return { ...area, left, width }
}

function widenSpan(start: number, length: number, wanted: number, limit: number): [start: number, length: number] {
  const moved = start - Math.floor((wanted - length) / 2)
  const first = Math.max(0, Math.min(moved, limit - wanted))
  return [first, Math.min(wanted, limit - first)]
}
