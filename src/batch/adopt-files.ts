import { opendirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hashBytes } from '../event-loop/hash-bytes.ts'
import { checkPicture } from '../images/check-picture.ts'
import type { LedgerOutput } from './ledger-entry.ts'

const PICTURE_NAME = /\.(?:png|jpe?g|webp|avif)$/i
const OWN_FOLDERS: ReadonlySet<string> = new Set(['logs', 'shards'])

/** Whether a folder without a ledger holds pictures, as another tool may have left it; looks no further than the first. */
export function holdsPictures(folder: string): boolean {
  const entries = opendirSync(folder)
  try {
    for (let entry = entries.readSync(); entry; entry = entries.readSync()) {
      if (PICTURE_NAME.test(entry.name) || (entry.isDirectory() && !OWN_FOLDERS.has(entry.name))) return true
    }
    return false
  } finally {
    entries.closeSync()
  }
}

/** The row's files when all of them are there and can be decoded: a torn file does not count. */
export async function findWholeFiles(folder: string, names: readonly string[]): Promise<LedgerOutput[] | undefined> {
  const outputs: LedgerOutput[] = []
  for (const file of names) {
    const bytes = await readFile(join(folder, file)).catch(() => undefined)
    if (!bytes) return undefined
    const isWhole = await checkPicture({ kind: 'encoded', bytes }).then(
      () => true,
      () => false,
    )
    if (!isWhole) return undefined
    outputs.push({ file, bytes: bytes.length, sha256: await hashBytes(bytes) })
  }
  return outputs
}
