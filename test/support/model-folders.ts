import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fixturePath } from './fixtures.ts'

/** Models whose fixtures hold only what is their own; the rest is another model's. */
const BORROWED: Readonly<Record<string, { from: string; parts: readonly string[] }>> = {
  'sdxl-inpaint-tiny': {
    from: 'sdxl-tiny',
    parts: ['text_encoder', 'text_encoder_2', 'tokenizer', 'tokenizer_2', 'vae_decoder', 'vae_encoder'],
  },
  'upscaler-tiny': { from: 'sd21-tiny', parts: ['text_encoder', 'tokenizer', 'vae_encoder'] },
}

/** The folder of a tiny model, put together where its parts are shared. */
export function modelFolder(model: string): string {
  const folder = fixturePath(`models/${model}`)
  const borrowed = BORROWED[model]
  if (!borrowed) return folder
  const joined = mkdtempSync(join(tmpdir(), `${model}-`))
  cpSync(folder, joined, { recursive: true })
  for (const part of borrowed.parts) {
    cpSync(fixturePath(`models/${borrowed.from}/${part}`), join(joined, part), { recursive: true })
  }
  return joined
}
