import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { parseLedgerLine } from './ledger-entry.ts'
import { scanLedger } from './ledger-scan.ts'
import type { RunFiles } from './run-files.ts'

/** Starts over: removes the files that the run's own ledger lists, then its results, record and, last, the ledger. Nothing else in the folder is touched. Returns how many pictures went. */
export function clearFolder(files: RunFiles): number {
  let removed = 0
  if (existsSync(files.ledger)) {
    const folders = new Set<string>()
    const lines = scanLedger(files.ledger, (line) => {
      const entry = parseLedgerLine(line.bytes.toString('utf8', line.start, line.end))
      for (const file of entry?.outputs.flatMap(({ file, latents }) => (latents ? [file, latents] : [file])) ?? []) {
        const path = join(files.folder, file)
        // The ledger is a text file that anyone may have edited.
        if (!isInside(files.folder, path) || !existsSync(path)) continue
        rmSync(path, { force: true })
        folders.add(dirname(path))
        removed++
      }
    })
    while (!lines.next().done);
    for (const folder of folders) removeEmptyFolders(folder, files.folder)
  }
  for (const path of [files.results, files.record, files.ledger]) {
    rmSync(path, { force: true })
  }
  return removed
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`)
}

function removeEmptyFolders(folder: string, root: string): void {
  for (let current = folder; isInside(root, current) && existsSync(current); current = dirname(current)) {
    if (readdirSync(current).length > 0) return
    rmSync(current, { recursive: true })
  }
}
