import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { parseLedgerLine } from './ledger-entry.ts'
import { type ScannedLine, scanLedger } from './ledger-scan.ts'
import { listNeighbors, type RunFiles } from './run-files.ts'

/**
 * Starts over: removes the files that the run's ledger lists, then its results, record and, last, the ledger. A run over all
 * rows starts the shards over too. Nothing else in the folder is touched. Returns how many pictures went.
 */
export function clearFolder(files: RunFiles): number {
  const runs = files.home === files.folder ? [files, ...listNeighbors(files)] : [files]
  return runs.reduce((removed, run) => removed + clearRun(run), 0)
}

function clearRun(files: RunFiles): number {
  let removed = 0
  const folders = new Set<string>()
  const removeOutputs = ({ bytes, start, end }: ScannedLine) => {
    const outputs = parseLedgerLine(bytes.toString('utf8', start, end))?.outputs ?? []
    for (const file of outputs.flatMap(({ file, latents }) => (latents ? [file, latents] : [file]))) {
      const path = join(files.folder, file)
      // The ledger is a text file that anyone may have edited.
      if (!isInside(files.folder, path) || !existsSync(path)) continue
      rmSync(path, { force: true })
      if (dirname(path) !== files.folder) folders.add(dirname(path))
      removed++
    }
  }
  const lines = existsSync(files.ledger) ? scanLedger(files.ledger, removeOutputs) : undefined
  while (lines && !lines.next().done);
  for (const folder of folders) removeEmptyFolders(folder, files.folder)
  for (const path of [files.results, files.record, files.ledger]) rmSync(path, { force: true })
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
