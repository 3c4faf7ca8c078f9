import { createHash } from 'node:crypto'
import { takeTurns } from './take-turns.ts'

/** Bytes hashed at once: one to three milliseconds. */
const PART = 1024 * 1024

/** SHA-256 in hexadecimal digits. Others have their turn meanwhile. */
export async function hashBytes(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256')
  await takeTurns(bytes.byteLength, PART, (start, end) => hash.update(bytes.subarray(start, end)))
  return hash.digest('hex')
}
