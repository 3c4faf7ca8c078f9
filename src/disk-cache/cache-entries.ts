import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Names of what is still being written, or of who is writing it. */
const UNFINISHED = /\.(part|lock)$/

/** One thing that a cache folder holds. */
export interface CacheEntry {
  path: string
  bytes: number
  /** When it was last written or used, in milliseconds since 1970. */
  usedMs: number
  /** Some process is writing it, or was killed while it did. */
  isUnfinished: boolean
}

/** The entries of a cache folder; none where there is no folder. Those that vanish meanwhile are left out. */
export async function listEntries(folder: string): Promise<CacheEntry[]> {
  const names = await readdir(folder).catch(() => [])
  const entries = await Promise.all(names.map((name) => describeEntry(join(folder, name)).catch(() => undefined)))
  return entries.filter((entry) => entry !== undefined)
}

async function describeEntry(path: string): Promise<CacheEntry> {
  const stats = await stat(path)
  const isUnfinished = UNFINISHED.test(path)
  if (!stats.isDirectory()) return { path, bytes: stats.size, usedMs: stats.mtimeMs, isUnfinished }
  const inside = await listEntries(path)
  return {
    path,
    bytes: inside.reduce((sum, { bytes }) => sum + bytes, 0),
    usedMs: inside.reduce((latest, { usedMs }) => Math.max(latest, usedMs), stats.mtimeMs),
    isUnfinished,
  }
}
