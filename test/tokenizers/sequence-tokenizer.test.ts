import { cpSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadSequenceTokenizer, loadTokenizer, writeQwen3Chat } from '../../src/tokenizers/index.ts'
import { fixturePath } from '../support/fixtures.ts'

interface TemplateCase {
  family: string
  tokenizer: string
  prompt: string
  /** What the tokenizer is given, templates filled in. */
  text: string
  ids: number[]
  padded_to?: number
  pad_id?: number
}

const { cases } = JSON.parse(readFileSync(fixturePath('dit/tokenizers/goldens.json'), 'utf8')) as { cases: TemplateCase[] }

function casesOf(family: string): TemplateCase[] {
  return cases.filter((golden) => golden.family === family)
}

function folderOf({ tokenizer }: TemplateCase): string {
  return fixturePath(`dit/tokenizers/${tokenizer}`)
}

describe.each([
  't5',
  't5_no_charsmap',
  't5_spiece_only',
  'gemma',
  'z_image',
  'flux2_klein',
  'qwen_image',
  'qwen_image_edit',
  'qwen_image_edit_plus',
])('the tokenizer of %s', (family) => {
  it('gives the ids of transformers for every text, cut and padded alike', async () => {
    const goldens = casesOf(family)
    const tokenizer = await loadSequenceTokenizer(folderOf(goldens[0]!))
    expect(goldens.length).toBeGreaterThan(0)
    for (const { text, ids, padded_to: length = ids.length, pad_id } of goldens) {
      const padded = tokenizer.pad(tokenizer.encode(text, length).ids, length)
      const padding = new Array<number>(length - ids.length)
      expect(padded.ids, JSON.stringify(text)).toEqual([...ids, ...padding.fill(pad_id ?? 0)])
      expect(padded.mask).toEqual([...ids.map(() => 1), ...padding.fill(0)])
    }
  })
})

describe.each(['clip', 'clip_pad_zero'])('the tokenizer of %s', (family) => {
  it('gives the ids of transformers for every text', async () => {
    const goldens = casesOf(family)
    const tokenizer = await loadTokenizer(folderOf(goldens[0]!))
    for (const { text, ids, pad_id } of goldens) {
      const padding = new Array<number>(77 - ids.length).fill(pad_id!)
      expect(tokenizer.encode(text).ids, JSON.stringify(text)).toEqual([...ids, ...padding])
    }
  })
})

describe('the normalization rules of a SentencePiece model', () => {
  it.each([
    { text: 'family 👨\u200d👩\u200d👧 emoji', ids: [36, 9, 14, 15, 125, 3, 2, 3, 10, 14, 16, 158, 15, 1] },
    { text: 'a\u200bb ﬁne ＡＢＣ… ½', ids: [9, 3, 44, 3, 36, 52, 10, 114, 153, 97, 7, 7, 7, 3, 48, 2, 43, 1] },
    { text: 'cafe\u0301 ﬁ\u0301\u3000x', ids: [21, 9, 36, 2, 3, 36, 15, 3, 103, 1] },
    { text: '\u200d of neon ＡＢ', ids: [2, 40, 3, 141, 83, 114, 153, 1] },
  ])('are kept letter by letter where tokenizer.json has them: $text', async ({ text, ids }) => {
    const tokenizer = await loadSequenceTokenizer(fixturePath('dit/sd3/model/tokenizer_3'))
    expect(tokenizer.encode(text).ids).toEqual(ids)
  })

  it.each([
    { text: 'family 👨\u200d👩\u200d👧 emoji', ids: [242, 14, 15, 125, 3, 2, 3, 10, 14, 16, 158, 15, 1] },
    { text: 'cafe\u0301 ﬁ\u0301\u3000x', ids: [229, 36, 2, 3, 36, 15, 2, 3, 103, 1] },
    { text: '\u200d of neon ＡＢ', ids: [3, 2, 40, 3, 141, 83, 114, 153, 1] },
  ])('are kept run by run where only spiece.model has them: $text', async ({ text, ids }) => {
    const tokenizer = await loadSequenceTokenizer(fixturePath('dit/pixart_sigma/model/tokenizer'))
    expect(tokenizer.encode(text).ids).toEqual(ids)
  })

  it('that are torn are named', async () => {
    const folder = await mkdtemp(join(tmpdir(), 't5-tokenizer-'))
    cpSync(fixturePath('dit/sd3/model/tokenizer_3'), folder, { recursive: true })
    const file = join(folder, 'tokenizer.json')
    const torn = readFileSync(file, 'utf8').replace(/"precompiled_charsmap": *"[^"]*"/, '"precompiled_charsmap": "AAAAAQ=="')
    await writeFile(file, torn)
    await expect(loadSequenceTokenizer(folder)).rejects.toThrow(/normalization rules in .*tokenizer\.json are torn/)
  })
})

describe('a CLIP folder for the tokenizer of Python', () => {
  it.each([
    ['“curly” ‘quotes’', `"curly" 'quotes'`],
    ['ﬁne ＡＢＣ', 'fine abc'],
    ['&amp;eacute; &#233; &frac12; &unknown;', 'é é ½ &unknown;'],
    ['a <b> &amp;', 'a <b> & amp ;'],
    ['one\u0085two \u0093x\u0094', 'one…two "x"'],
    ['\u001b[31mred\u001b[0m\u0007', 'red'],
    ['ΟΔΟΣ', 'οδος'],
  ])('reads %j as %j', async (text, repaired) => {
    const tokenizer = await loadTokenizer(fixturePath('dit/sd3/model/tokenizer'))
    expect(tokenizer.tokenize(text)).toEqual(tokenizer.tokenize(repaired))
  })
})

describe('a Qwen folder without tokenizer.json', () => {
  it('gives the same ids from vocab.json and merges.txt', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qwen-tokenizer-'))
    const goldens = casesOf('z_image')
    cpSync(folderOf(goldens[0]!), folder, { recursive: true })
    rmSync(join(folder, 'tokenizer.json'))
    const tokenizer = await loadSequenceTokenizer(folder)
    for (const { text, ids } of goldens) expect(tokenizer.encode(text, 512).ids, JSON.stringify(text)).toEqual(ids)
  })
})

describe('the chat template of Qwen3', () => {
  it.each([
    { family: 'z_image', thinking: true },
    { family: 'flux2_klein', thinking: false },
  ])('writes a prompt of $family as transformers does', ({ family, thinking }) => {
    for (const { prompt, text } of casesOf(family)) expect(writeQwen3Chat(prompt, { thinking })).toBe(text)
  })
})

describe('a text that is too long', () => {
  it('keeps the end token and names the words that were cut', async () => {
    const tokenizer = await loadSequenceTokenizer(fixturePath('dit/tokenizers/sd3/model/tokenizer_3'))
    const { ids, cutText } = tokenizer.encode('a red fox in the snow', 6)
    expect(ids).toHaveLength(6)
    expect(ids.at(-1)).toBe(1)
    expect(cutText).toMatch(/snow$/)
  })
})

it('rejects a torn spiece.model by its name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'torn-tokenizer-'))
  const whole = readFileSync(fixturePath('dit/tokenizers/pixart_sigma/model/tokenizer/spiece.model'))
  await writeFile(join(folder, 'spiece.model'), whole.subarray(0, 1000))
  await expect(loadSequenceTokenizer(folder)).rejects.toThrow(/torn-tokenizer.*spiece\.model/)
})

it('names the folder that holds no vocabulary', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'no-tokenizer-'))
  await expect(loadSequenceTokenizer(folder)).rejects.toThrow(/no-tokenizer.*spiece\.model/)
})
