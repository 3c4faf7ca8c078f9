import { utimes } from 'node:fs/promises'

/** Well within the time for which used entries stay. */
const REFRESH_MS = 10 * 60 * 1000

const used = new Set<string>()
let isRefreshing = false

/** Marks an entry as used now, and again and again until this process ends. */
export async function keepRecent(path: string): Promise<void> {
  used.add(path)
  if (!isRefreshing) setInterval(refresh, REFRESH_MS).unref()
  isRefreshing = true
  await touch(path)
}

function refresh(): void {
  for (const path of used) void touch(path)
}

/** Marks an entry as used now; one that is gone is forgotten. */
export async function touch(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now).catch(() => used.delete(path))
}
