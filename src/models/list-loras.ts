import { basename } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { type ListedFile, listFiles } from './list-files.ts'
import { readSafetensorsHead } from './safetensors-head.ts'

/** A LoRA file by the name that requests use. */
export interface ListedLora extends ListedFile {
  /** Texts that the training program left in the file's head. */
  metadata: Readonly<Record<string, string>>
}

/** The `.safetensors` files of a folder and the folders in it, by name; a folder that is not there has none. */
export async function listLoras(folder: string): Promise<ListedLora[]> {
  const files = await listFiles(folder, '.safetensors')
  return await Promise.all(files.map(async (file) => ({ ...file, metadata: await readLoraMetadata(file.path) })))
}

/** Throws `model_unreadable` for a file whose head is torn, without reading its weights. */
export async function checkLoraHead(path: string): Promise<void> {
  try {
    await readSafetensorsHead(path)
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The LoRA file ${basename(path)} is torn or no safetensors file.`, { cause })
  }
}

/** What the training program left in a file's head; empty for a file that has none or is torn. */
export async function readLoraMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  return await readSafetensorsHead(path).then(
    ({ metadata }) => metadata,
    () => ({}),
  )
}
