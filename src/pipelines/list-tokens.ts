import { join } from 'node:path'
import { loadTokenizer } from '../tokenizers/index.ts'

/** The pieces that the first tokenizer of a model folder makes of a prompt. */
export async function listTokens(folder: string, prompt: string): Promise<string[]> {
  return (await loadTokenizer(join(folder, 'tokenizer'))).listPieces(prompt)
}
