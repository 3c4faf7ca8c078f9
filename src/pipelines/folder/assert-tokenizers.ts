import { readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import { type ModelFolder, tokenizerFolder } from './model-folder.ts'

/** Files of which a tokenizer has at least one. */
const VOCABULARIES = ['tokenizer.json', 'vocab.json', 'spiece.model']

/** Makes sure that every text encoder has a tokenizer beside it, before anything loads. */
export async function assertTokenizers(path: string, folder: ModelFolder): Promise<void> {
  for (const encoder of folder.graphs.keys()) {
    if (!encoder.startsWith('text_encoder')) continue
    const place = tokenizerFolder(folder, encoder)
    const files = await readdir(place).catch((): string[] => [])
    if (VOCABULARIES.some((name) => files.includes(name))) continue
    throw new DiffgentorError(
      'model_unreadable',
      `The model in ${path} lacks the ${basename(place)} of its ${encoder} (one of ${VOCABULARIES.join(', ')}); download or export it again.`,
    )
  }
}
