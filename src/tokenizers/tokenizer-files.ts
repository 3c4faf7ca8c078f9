import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DiffgentorError } from '../errors.ts'

/** A token as tokenizer_config.json and special_tokens_map.json name it. */
export type TokenSetting = string | { content: string } | null

export function contentOf(setting: TokenSetting | undefined): string | undefined {
  return typeof setting === 'string' ? setting : setting?.content
}

/** Reads a JSON file of a tokenizer folder; undefined where there is none. */
export async function readJson<Content>(folder: string, name: string): Promise<Content | undefined> {
  const text = await readText(join(folder, name))
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Content
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The file ${join(folder, name)} is not valid JSON.`, { cause })
  }
}

/** Reads a text file; undefined where there is none. */
export async function readText(file: string): Promise<string | undefined> {
  return (await readBytes(file))?.toString('utf8')
}

/** Reads a file; undefined where there is none. */
export async function readBytes(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new DiffgentorError('model_unreadable', `The file ${file} cannot be read.`, { cause })
  }
}
