import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FileSpan } from './proto-message.ts'

/** Tensors begin at multiples of this many bytes, so that they can be mapped. */
const ALIGNMENT = 64

/** A tensor that belongs into a side file. */
export interface SideTensor {
  /** Bytes that `compute` returns. */
  bytes: number
  compute: () => Promise<Uint8Array>
}

/**
 * Places tensors in a side file and writes it unless it is there already. The file's name must stand for its whole content. Processes that write
 * it at the same time do not disturb each other: each writes its own part file and renames it.
 */
export async function writeSideFile(file: string, tensors: readonly SideTensor[]): Promise<FileSpan[]> {
  let end = 0
  const spans = tensors.map(({ bytes }) => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT
    end = offset + bytes
    return { file, offset, length: bytes }
  })
  const existing = await stat(file).catch(() => undefined)
  if (existing?.size !== end) await writeParts(file, tensors, spans)
  return spans
}

async function writeParts(file: string, tensors: readonly SideTensor[], spans: readonly FileSpan[]): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  const part = `${file}.${process.pid}-${randomBytes(4).toString('hex')}.part`
  try {
    const handle = await open(part, 'wx')
    try {
      for (const [index, { compute }] of tensors.entries()) {
        const bytes = await compute()
        await handle.write(bytes, 0, bytes.length, spans[index]!.offset)
      }
    } finally {
      await handle.close()
    }
    await rename(part, file)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
