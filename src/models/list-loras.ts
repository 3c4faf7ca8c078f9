import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'

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

/** The `__metadata__` of a safetensors head: eight bytes of its length, then JSON. Empty for a file that has none or is torn. */
async function readMetadata(path: string): Promise<Record<string, string>> {
  try {
    await using file = await open(path)
    const { buffer: length } = await file.read(Buffer.alloc(8), 0, 8, 0)
    const size = Number(length.readBigUInt64LE())
    if (size > MAX_HEAD) return {}
    const { buffer: head } = await file.read(Buffer.alloc(size), 0, size, 8)
    const { __metadata__: metadata } = JSON.parse(head.toString()) as { __metadata__?: Record<string, string> }
    return metadata ?? {}
  } catch {
    return {}
  }
}
