import type { Hash } from 'node:crypto'
import type { ByteSource } from './byte-source.ts'

/** Feeds the bytes from `from` to `to` of a source into a hash. */
export async function hashSource(source: ByteSource, hash: Hash, from = 0, to = source.size): Promise<void> {
  const buffer = Buffer.allocUnsafe(Math.min(1024 * 1024, Math.max(0, to - from)))
  for (let at = from; at < to; ) {
    const length = await source.read(buffer.subarray(0, Math.min(buffer.length, to - at)), at)
    if (length === 0) return
    hash.update(buffer.subarray(0, length))
    at += length
  }
}
