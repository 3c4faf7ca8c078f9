import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadTokenizer, type TextTokenizer } from '../../src/tokenizers/index.ts'
import { fixturePath } from '../support/fixtures.ts'

interface TokenizerCase {
  text: string
  /** Up to the end token; 77 when cut. */
  ids: number[]
  untruncated_length: number
}

async function readCases(name: string): Promise<TokenizerCase[]> {
  return JSON.parse(await readFile(fixturePath(`tokenizers/${name}.json`), 'utf8')) as TokenizerCase[]
}

async function unpackClip(padToken: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clip-tokenizer-'))
  for (const name of ['vocab.json', 'merges.txt']) {
    await writeFile(join(folder, name), gunzipSync(await readFile(fixturePath(`tokenizers/clip/${name}.gz`))))
  }
  const config = { bos_token: '<|startoftext|>', eos_token: '<|endoftext|>', pad_token: padToken, model_max_length: 77 }
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
  return folder
}

describe.each([
  { vocabulary: 'CLIP', cases: 'clip', folder: () => unpackClip('<|endoftext|>'), padId: 49_407 },
  { vocabulary: 'OpenCLIP', cases: 'clip-pad0', folder: () => unpackClip('!'), padId: 0 },
  { vocabulary: 'a small CLIP', cases: 'clip-tiny', folder: async () => fixturePath('models/sd15-tiny/tokenizer'), padId: 3513 },
])('the $vocabulary tokenizer', ({ cases, folder, padId }) => {
  let tokenizer: TextTokenizer
  let texts: TokenizerCase[]
  beforeAll(async () => {
    tokenizer = await loadTokenizer(await folder())
    texts = await readCases(cases)
  })

  it('gives the ids of transformers for every text', () => {
    for (const { text, ids } of texts) {
      const padding = new Array<number>(77 - ids.length).fill(padId)
      expect(tokenizer.encode(text).ids, JSON.stringify(text)).toEqual([...ids, ...padding])
    }
  })

  it('lowers a sigma at the end of a word as any other', () => {
    expect(tokenizer.tokenize('ΑΣ')).toEqual(tokenizer.tokenize('ασ'))
  })

  it('tells what was cut exactly when the text is too long', () => {
    for (const { text, untruncated_length } of texts) {
      expect(tokenizer.encode(text).cutText !== '', JSON.stringify(text)).toBe(untruncated_length > 77)
    }
  })
})

describe('a text that is too long', () => {
  it('names the words that were cut', async () => {
    const tokenizer = await loadTokenizer(await unpackClip('<|endoftext|>'))
    const { ids, cutText } = tokenizer.encode(`${'cat '.repeat(75)}one last apple, please`)
    expect(ids.at(-1)).toBe(49_407)
    expect(cutText).toBe('one last apple, please')
  })
})

describe('an extra token', () => {
  it('gets its own id inside a text', async () => {
    const tokenizer = await loadTokenizer(fixturePath('models/sd15-tiny/tokenizer'), {
      extraTokens: [{ token: '<fx-cat>', id: 3514 }],
    })
    expect(tokenizer.tokenize('a <fx-cat> a')).toEqual([320, 3514, 320])
  })
})

it('names the folder that holds no vocabulary', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'no-tokenizer-'))
  await expect(loadTokenizer(folder)).rejects.toThrow(/no-tokenizer.*vocab\.json/)
})
