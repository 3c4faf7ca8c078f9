import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { readSafetensorsHead } from './safetensors-head.ts'

/** A LoRA file by the name that requests use. */
export interface ListedLora {
  /** Path inside the folder without its ending. */
  name: string
  /** Path inside the folder. */
  file: string
  /** Texts that the training program left in the file's head. */
  metadata: Readonly<Record<string, string>>
}

/** The `.safetensors` files of a folder and the folders in it, by name; a folder that is not there has none. */
export async function listLoras(folder: string): Promise<ListedLora[]> {
  const entries = await readdir(folder, { recursive: true }).catch((): string[] => [])
  const files = entries.filter((entry) => entry.endsWith('.safetensors')).sort()
  return await Promise.all(
    files.map(async (entry) => {
      const file = entry.replaceAll('\\', '/')
      return { name: file.replace(/\.safetensors$/, ''), file, metadata: await readMetadata(join(folder, entry)) }
    }),
  )
}

/** Throws `model_unreadable` for a file whose head is torn, without reading its weights. */
export async function checkLoraHead(path: string): Promise<void> {
  try {
    await readSafetensorsHead(path)
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The LoRA file ${basename(path)} is torn or no safetensors file.`, { cause })
  }
}

/** Empty for a file that has none or is torn. */
async function readMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  return await readSafetensorsHead(path).then(
    ({ metadata }) => metadata,
    () => ({}),
  )
}
