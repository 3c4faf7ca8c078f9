import type { EmbeddingChoice, ImageRequest, ImageWarning } from '../contract/index.ts'
import { EmbeddingFolder, type ListedEmbedding } from '../models/list-embeddings.ts'
import type { ServedModel } from './model-pool.ts'

/** A request with the textual inversions that its prompts call. */
interface CalledRequest {
  request: ImageRequest
  warnings: ImageWarning[]
}

/** Textual inversions that prompts call by name, as with AUTOMATIC1111: a file's name, or the token in it, stands for its vectors. */
export class EmbeddingShelf {
  readonly #folder: EmbeddingFolder | undefined

  /** @param folder absent: there are none */
  constructor(folder: string | undefined) {
    this.#folder = folder === undefined ? undefined : new EmbeddingFolder(folder)
  }

  /** All files of the folder, those included that no model can use. */
  async list(): Promise<ListedEmbedding[]> {
    return (await this.#folder?.list()) ?? []
  }

  /** Adds what the prompts call. A word whose file does not fit the model stays a word, with a warning. */
  async apply({ id, backend }: Pick<ServedModel, 'id' | 'backend'>, request: ImageRequest): Promise<CalledRequest> {
    if (!this.#folder || !backend.capabilities.diffusion) return { request, warnings: [] }
    const named = request.diffusion?.embeddings ?? []
    const called = findCalled(await this.list(), listTexts(request)).filter(
      ({ word }) => !named.some(({ token }) => token?.toLowerCase() === word.toLowerCase()),
    )
    const fitting = called.filter(({ embedding }) => fitsModel(embedding, backend))
    const warnings = called
      .filter((call) => !fitting.includes(call))
      .map(({ word }): ImageWarning => {
        const detail = `The textual inversion ${word} is not made for models such as ${id}, so that its name is read as plain words.`
        return { kind: 'ignored', field: 'embedding', detail }
      })
    if (fitting.length === 0) return { request, warnings }
    const choices = fitting.map(({ word, embedding }): EmbeddingChoice => ({ path: embedding.path, token: word }))
    return { request: { ...request, diffusion: { ...request.diffusion, embeddings: [...named, ...choices] } }, warnings }
  }
}

/** Whether a model has the text encoders that a textual inversion has vectors for, in the same widths. */
export function fitsModel({ vectors }: ListedEmbedding, { capabilities }: ServedModel['backend']): boolean {
  const { embeddingWidths: widths } = capabilities
  const made = Object.entries(vectors) as ['text_encoder' | 'text_encoder_2', { width: number }][]
  if (widths === undefined) return made.length > 0
  const shared = made.filter(([encoder]) => widths[encoder] !== undefined)
  return shared.length > 0 && shared.every(([encoder, { width }]) => widths[encoder] === width)
}

interface Call {
  word: string
  embedding: ListedEmbedding
}

/** The words that stand in the texts, the longest first: a shorter one inside it is not meant. */
function findCalled(listed: readonly ListedEmbedding[], texts: readonly string[]): Call[] {
  const calls = listed.flatMap((embedding) =>
    [embedding.name, embedding.token].flatMap((word) => (word ? [{ word, embedding }] : [])),
  )
  const longestFirst = calls.sort((a, b) => b.word.length - a.word.length)
  const known = new Set<string>()
  let rest = texts.join('\n')
  return longestFirst.filter(({ word }) => {
    const key = word.toLowerCase()
    const without = rest.replace(wordPattern(word), ' ')
    const isCalled = without !== rest && !known.has(key)
    known.add(key)
    rest = without
    return isCalled
  })
}

/** A word between anything but letters and digits, in any case. */
function wordPattern(word: string): RegExp {
  return new RegExp(`(?<![\\p{L}\\p{N}])${word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\p{L}\\p{N}])`, 'giu')
}

function listTexts({ prompt, negativePrompt, diffusion = {} }: ImageRequest): string[] {
  const { prompt2, prompt3, negativePrompt2, negativePrompt3 } = diffusion
  return [prompt, negativePrompt, prompt2, prompt3, negativePrompt2, negativePrompt3].filter((text) => text !== undefined)
}
