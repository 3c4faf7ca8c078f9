import { readFileSync } from 'node:fs'
import type { RawPicture } from '../../src/contract/index.ts'
import { toGray } from '../../src/images/convert-channels.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import type { ResizeFilter } from '../../src/images/resize-picture.ts'
import { fixturePath } from './fixtures.ts'

/** A recorded resize of Pillow's. */
export interface ResizeCase {
  input: string
  width: number
  height: number
  filter: ResizeFilter
  mode: 'RGB' | 'L'
  output: string
}

/** A picture of the fixtures, in the colors that a case asks for. */
export async function openResizePicture(name: string, mode: 'RGB' | 'L'): Promise<RawPicture> {
  const { picture } = await decodePicture(readFileSync(fixturePath(`images/${name}`)))
  return mode === 'L' ? toGray(picture) : picture
}

export function readResizeCases(): ResizeCase[] {
  return JSON.parse(readFileSync(fixturePath('images/resize.json'), 'utf8'))
}
