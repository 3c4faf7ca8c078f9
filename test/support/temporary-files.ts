import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Vitest global setup: everything that tests put under `os.tmpdir()` lies in one folder, which goes when they are done. */
export function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-test-'))
  process.env.TMPDIR = folder
  return () => rmSync(folder, { recursive: true, force: true })
}
