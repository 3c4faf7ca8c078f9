import { stat } from 'node:fs/promises'
import { EMBEDDING_KEYS, type EmbeddedEncoder } from './embedding-keys.ts'
import { type ListedFile, listFiles } from './list-files.ts'
import { readSafetensorsHead } from './safetensors-head.ts'

/** A textual inversion by the words that call it. */
export interface ListedEmbedding {
  /** The file's name without its ending, the word of AUTOMATIC1111. */
  name: string
  /** Path inside the folder. */
  file: string
  /** Absolute path. */
  path: string
  /** The token that the file itself names, as diffusers writes it. */
  token: string | undefined
  /** Vectors and their width, by text encoder; empty for a file that is no textual inversion. */
  vectors: Readonly<Partial<Record<EmbeddedEncoder, { count: number; width: number }>>>
}

/** Lists textual inversions; the heads of files that did not change are read once. */
export class EmbeddingFolder {
  readonly #folder: string
  readonly #read = new Map<string, { version: string; listed: ListedEmbedding }>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The `.safetensors` files of the folder and the folders in it, by name; a folder that is not there has none. */
  async list(): Promise<ListedEmbedding[]> {
    const files = await listFiles(this.#folder, '.safetensors')
    const listed = await Promise.all(files.map((file) => this.#describe(file)))
    return listed.filter((embedding) => embedding !== undefined)
  }

  /** Undefined for a file that went away meanwhile. */
  async #describe({ file, path }: ListedFile): Promise<ListedEmbedding | undefined> {
    const stats = await stat(path).catch(() => undefined)
    if (!stats?.isFile()) return undefined
    const version = `${stats.size} ${stats.mtimeMs}`
    const known = this.#read.get(file)
    if (known?.version === version) return known.listed
    const listed = await readEmbedding(file, path)
    this.#read.set(file, { version, listed })
    return listed
  }
}

async function readEmbedding(file: string, path: string): Promise<ListedEmbedding> {
  const name = file.replace(/^.*\//, '').replace(/\.safetensors$/, '')
  const shapes = await readSafetensorsHead(path).then(
    (head) => [...head.shapes],
    () => [],
  )
  const known = shapes.filter(([key]) => Object.hasOwn(EMBEDDING_KEYS, key))
  const isNamed = known.length === 0 && shapes.length === 1
  const token = isNamed ? shapes[0]![0] : undefined
  const vectors = (isNamed ? shapes : known).map(([key, shape]) => [EMBEDDING_KEYS[key] ?? 'text_encoder', measure(shape)])
  return { name, file, path, token, vectors: Object.fromEntries(vectors) }
}

function measure(shape: readonly number[]): { count: number; width: number } {
  const width = shape.at(-1) ?? 1
  return { count: shape.reduce((product, size) => product * size, 1) / width, width }
}
