import { randomUUID } from 'node:crypto'
import { access, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isProcessAlive } from '../process-identity.ts'

const PAUSE_MS = 200
/** How old a lock may be before it counts as left behind; making the same twice does no harm. */
const PATIENCE_MS = 10 * 60 * 1000

/** Locks that this process holds. */
const held = new Set<string>()

/**
 * Makes a cache entry that is a folder, unless it is there or another process of this machine is making it: that one is waited for, so that only
 * one holds what making takes. `make` fills a new folder, which gets its name when it is whole. Rejects with what `make` throws.
 */
export async function makeOnce(place: string, make: (staging: string) => Promise<void>): Promise<void> {
  const lock = `${place}.lock`
  await mkdir(dirname(place), { recursive: true })
  while (!(await exists(place))) {
    if (!(await claim(lock))) {
      await wait(PAUSE_MS)
      continue
    }
    try {
      if (!(await exists(place))) await makeWhole(place, make)
    } finally {
      held.delete(lock)
      await rm(lock, { force: true })
    }
  }
}

async function makeWhole(place: string, make: (staging: string) => Promise<void>): Promise<void> {
  const staging = `${place}.${randomUUID()}.part`
  try {
    await mkdir(staging)
    await make(staging)
    await rename(staging, place)
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}

/** Takes a lock that holds its owner's process id; one without a living owner is cleared away for the next try. */
async function claim(lock: string): Promise<boolean> {
  const own = `${lock}.${randomUUID()}.part`
  await writeFile(own, String(process.pid))
  try {
    // A link appears with its content, so no reader meets a lock without an owner.
    await link(own, lock)
    held.add(lock)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (await isAbandoned(lock)) await rm(lock, { force: true })
    return false
  } finally {
    await rm(own, { force: true })
  }
}

/** A process id may belong to someone else by now, so that age counts as well. */
async function isAbandoned(lock: string): Promise<boolean> {
  try {
    const [owner, { mtimeMs }] = await Promise.all([readFile(lock, 'utf8'), stat(lock)])
    const isOurs = Number(owner) === process.pid
    return Date.now() - mtimeMs > PATIENCE_MS || (isOurs ? !held.has(lock) : !isProcessAlive(Number(owner), undefined))
  } catch {
    return false
  }
}
