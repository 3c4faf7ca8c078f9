import { describe, expect, it } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { drawDotText } from '../../src/images/dot-font.ts'
import { drawLabel } from '../../src/images/label-picture.ts'

/** Rows of a picture, `#` where it is lit. */
function toRows({ width, height, pixels }: RawPicture): string[] {
  const row = (y: number) => Array.from({ length: width }, (_, x) => (pixels[(y * width + x) * 3]! > 127 ? '#' : '.')).join('')
  return Array.from({ length: height }, (_, y) => row(y))
}

const LAYOUT = { width: 200, textSize: 14, maxLines: 2 }

describe('labels in pictures', () => {
  it('are drawn in white on black', async () => {
    const label = await drawLabel('A: a red apple', LAYOUT)
    expect(label.channels).toBe(3)
    expect(label.width).toBeLessThanOrEqual(200)
    expect(Math.max(...label.pixels)).toBeGreaterThan(200)
    expect(toRows(label)).not.toEqual(toRows(await drawLabel('A: a red peach', LAYOUT)))
  })

  it('take characters of markup as they are', async () => {
    const label = await drawLabel('</span> <lora:ink:1> & "x"', LAYOUT)
    expect(label.width).toBeGreaterThan(60)
  })

  it('break long texts into lines, and cut what does not fit', async () => {
    const one = await drawLabel('an apple', LAYOUT)
    const two = await drawLabel('an apple beside a pear upon a table', LAYOUT)
    expect(two.height).toBeGreaterThan(one.height * 1.5)
    const cut = await drawLabel('an apple beside a pear upon a table '.repeat(900), LAYOUT)
    expect(cut.height).toBeLessThan(one.height * 4)
    const word = await drawLabel('apple'.repeat(100), LAYOUT)
    expect(word.width).toBeLessThanOrEqual(200)
  })

  it('stand any text', async () => {
    for (const text of ['', ' ', '\u0000\u0007', '\ud800 x', 'りんご 🍎 تفاحة', '\n\n', '\uffff']) {
      const { width, height, pixels } = await drawLabel(text, LAYOUT)
      expect(pixels).toHaveLength(width * height * 3)
    }
  })
})

describe('dots, for machines without fonts', () => {
  it('make letters', () => {
    expect(toRows(drawDotText(['Ag'], 1)).map((row) => row.slice(0, 11))).toEqual([
      '.###.......',
      '#...#......',
      '#...#..####',
      '#...#.#...#',
      '#####..####',
      '#...#.....#',
      '#...#...##.',
      '...........',
      '...........',
    ])
  })

  it('leave accents out and show other scripts as boxes', () => {
    expect(toRows(drawDotText(['é'], 1))).toEqual(toRows(drawDotText(['e'], 1)))
    const [top] = toRows(drawDotText(['り'], 1))
    expect(top).toBe('#####.')
  })
})
