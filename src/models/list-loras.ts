import { open, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { DiffgentorError } from '../errors.ts'

/** A LoRA file by the name that requests use. */
export interface ListedLora {
  /** Path inside the folder without its ending. */
  name: string
  /** Path inside the folder. */
  file: string
  /** Texts that the training program left in the file's head. */
  metadata: Readonly<Record<string, string>>
}

/** A head larger than this is no head. */
const MAX_HEAD = 64e6

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
    await readHead(path)
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The LoRA file ${basename(path)} is torn or no safetensors file.`, { cause })
  }
}

/** The `__metadata__` of a file's head. Empty for a file that has none or is torn. */
async function readMetadata(path: string): Promise<Record<string, string>> {
  const head = await readHead(path).catch(() => ({}) as SafetensorsHead)
  return head.__metadata__ ?? {}
}

interface SafetensorsHead {
  __metadata__?: Record<string, string>
}

/** A safetensors head: eight bytes of its length, then JSON. */
async function readHead(path: string): Promise<SafetensorsHead> {
  await using file = await open(path)
  const { buffer: length } = await file.read(Buffer.alloc(8), 0, 8, 0)
  const size = Number(length.readBigUInt64LE())
  if (size > MAX_HEAD) throw new RangeError(`a head of ${size} bytes`)
  const { buffer: head } = await file.read(Buffer.alloc(size), 0, size, 8)
  return JSON.parse(head.toString()) as SafetensorsHead
}
