import { statSync } from 'node:fs'
import { join } from 'node:path'
import { parseLedgerLine } from './ledger-entry.ts'
import type { LedgerStore } from './ledger-store.ts'

interface Verification {
  ledger: LedgerStore
  folder: string
  signal: AbortSignal
  /** Told of each row that the ledger calls finished and whose files are not there with the recorded sizes. */
  onMissing: (position: number) => void
}

/**
 * Looks whether the files of finished rows are there. It goes through the ledger once more beside the run, in slices of some
 * milliseconds, so that a million rows do not hold up the first new one.
 */
export async function verifyFiles({ ledger, folder, signal, onMissing }: Verification): Promise<void> {
  const { states } = ledger
  await ledger.visitLastLines(({ status, position, bytes, start, end }) => {
    if ((status !== 'done' && status !== 'suspect') || states.isPlanned(position)) return
    const entry = parseLedgerLine(bytes.toString('utf8', start, end))
    const isWhole = entry?.outputs.every(({ file, bytes: size }) => sizeOf(join(folder, file)) === size)
    if (!isWhole) onMissing(position)
  }, signal)
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size
}
