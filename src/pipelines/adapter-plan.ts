import type { ImageWarning } from '../contract/index.ts'
import type { ExtraToken } from '../tokenizers/index.ts'
import type { ComponentName } from './folder/graph-files.ts'
import type { GraphVariant } from './graphs/graph-variant.ts'

/** How a request changes the model's graphs and words: LoRAs, embeddings, layers left out. */
export interface AdapterPlan {
  /** Changed graphs by component; the others are used as stored. */
  readonly variants: ReadonlyMap<ComponentName, GraphVariant>
  /** Words that embeddings add, by text encoder. */
  readonly extraTokens: ReadonlyMap<ComponentName, readonly ExtraToken[]>
  /** Writes out words that stand for several tokens. */
  expandPrompt(text: string): string
  readonly warnings: readonly ImageWarning[]
}

/** The model as it is stored. */
export const NO_ADAPTERS: AdapterPlan = {
  variants: new Map(),
  extraTokens: new Map(),
  expandPrompt: (text) => text,
  warnings: [],
}
