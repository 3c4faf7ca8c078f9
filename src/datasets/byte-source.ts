import { open } from 'node:fs/promises'
import { DiffgentorError } from '../errors.ts'

/** Bytes that can be read again and again from any place. Its size is that of the moment it was opened, so a growing file has one length for a whole run. */
export interface ByteSource extends AsyncDisposable {
  readonly size: number
  /** Fills `target` from `offset` of the source on; returns how many bytes came, fewer only at the end. */
  read(target: Uint8Array, offset: number): Promise<number>
}

/** Opens a file once for all passes: what replaces it under its name later is not seen. One that may not be read is one sentence. */
export async function openFileSource(path: string): Promise<ByteSource> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new DiffgentorError('invalid_configuration', `${path} cannot be read (${error.code}).`, { cause: error })
  })
  const { size } = await handle.stat()
  return {
    size,
    async read(target, offset) {
      const wanted = Math.min(target.length, Math.max(0, size - offset))
      let filled = 0
      while (filled < wanted) {
        const { bytesRead } = await handle.read(target, filled, wanted - filled, offset + filled)
        if (bytesRead === 0) break
        filled += bytesRead
      }
      return filled
    },
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** Text that is held anyway, such as prompts from the command line or the names in a folder. */
export function textSource(text: string): ByteSource {
  const bytes = Buffer.from(text)
  return {
    size: bytes.length,
    read: async (target, offset) => {
      const part = bytes.subarray(offset, offset + target.length)
      target.set(part)
      return part.length
    },
    [Symbol.asyncDispose]: async () => {},
  }
}
