import { describe, expect, it } from 'vitest'
import { COLUMN_NAMES, readColumn, readImageCells, requireColumns } from '../../src/datasets/columns.ts'
import { makeFolder, openContent } from './temporary-folder.ts'

const folder = makeFolder()

describe('a column', () => {
  it('is found under its aliases, the first that is filled', () => {
    expect(readColumn({ caption: 'an owl', prompt: ' ', text: 'a fox' }, COLUMN_NAMES.prompt)).toBe('a fox')
    expect(readColumn({ prompt: Number.NaN, text: null }, COLUMN_NAMES.prompt)).toBeUndefined()
    expect(readColumn({ prompt: 0 }, COLUMN_NAMES.prompt)).toBe(0)
  })

  it('is found in another case, and never on the prototype', () => {
    expect(readColumn({ ' Prompt ': 'a fox' }, COLUMN_NAMES.prompt)).toBe('a fox')
    expect(readColumn({}, ['constructor'])).toBeUndefined()
  })
})

describe('the pictures of a row', () => {
  it('come from numbered columns in the order of their numbers', () => {
    const values = { image_10: 'j', image_2: 'b', prompt: 'x', image: 'a', image_3: '', image_x: 'no' }
    expect(readImageCells(values)).toEqual(['a', 'b', 'j'])
    expect(readImageCells({ input_image_1: 'a', input_image_2: 'b' })).toEqual(['a', 'b'])
  })

  it('come from the columns given alone', () => {
    expect(readImageCells({ image: 'a', left: 'l', right: 'r' }, ['right', 'left'])).toEqual(['r', 'l'])
  })
})

describe('a required column', () => {
  it('that is missing names the columns found', async () => {
    await using dataset = await openContent(folder, 'csv', 'title,image_2,prompt_2\na fox,b.png,x\n')
    expect(() => requireColumns(dataset, COLUMN_NAMES.prompt)).toThrow(
      /has no column prompt \(or text, caption\); its columns are: title, image_2, prompt_2\.$/,
    )
    expect(() => requireColumns(dataset, COLUMN_NAMES.image)).not.toThrow()
    expect(() => requireColumns(dataset, ['Title'])).not.toThrow()
  })

  it('is left to the rows when none of them could be read', async () => {
    await using dataset = await openContent(folder, 'jsonl', 'nonsense\n')
    expect(() => requireColumns(dataset, COLUMN_NAMES.prompt)).not.toThrow()
  })
})
