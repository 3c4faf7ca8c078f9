import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { isProcessAlive } from '../../process-identity.ts'

interface Holder {
  pid: number
  host: string
}

export interface BlobLockOptions {
  /** The file whose growth shows that its holder works. */
  partial: string
  signal: AbortSignal
  /** Pause between two looks at a lock that another holds. Milliseconds. */
  lookEvery: number
  /** A holder that cannot be looked at, on another machine, is taken for dead when the partial file did not grow for so long. Milliseconds. */
  staleAfter: number
  /** Called once when another process holds the lock. */
  onWait: () => void
}

/** Does work while holding a lock file that names this process; waits while another living process holds it. */
export async function withBlobLock<T>(lock: string, options: BlobLockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(lock), { recursive: true })
  const growth = new Growth(options)
  let isTold = false
  while (!(await tryTake(lock))) {
    if (await isStale(lock, growth, options)) await removeStale(lock)
    else {
      if (!isTold) options.onWait()
      isTold = true
      await wait(options.lookEvery, undefined, { signal: options.signal })
    }
  }
  try {
    return await work()
  } finally {
    await rm(lock, { force: true })
  }
}

async function tryTake(lock: string): Promise<boolean> {
  try {
    await using file = await open(lock, 'wx')
    await file.writeFile(JSON.stringify({ pid: process.pid, host: hostname() } satisfies Holder))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** A lock that is half written counts as living until the partial file stands still for too long. */
async function isStale(lock: string, growth: Growth, { staleAfter }: BlobLockOptions): Promise<boolean> {
  const holder = await readHolder(lock)
  if (holder?.host === hostname()) return !isProcessAlive(holder.pid, undefined)
  return (await growth.standsStillFor()) > staleAfter
}

/** One of several waiting processes moves it away. Should that hit a fresh lock, two write one file, which its digest then tells. */
async function removeStale(lock: string): Promise<void> {
  const moved = `${lock}.${randomBytes(4).toString('hex')}`
  await rename(lock, moved).then(
    () => rm(moved, { force: true }),
    () => undefined,
  )
}

async function readHolder(lock: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(lock, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

/** Watches whether a file grows. */
class Growth {
  readonly #partial: string
  #size = -1
  #since = performance.now()

  constructor({ partial }: BlobLockOptions) {
    this.#partial = partial
  }

  /** Milliseconds since the size last changed. */
  async standsStillFor(): Promise<number> {
    const { size } = await stat(this.#partial).catch(() => ({ size: 0 }))
    if (size !== this.#size) {
      this.#size = size
      this.#since = performance.now()
    }
    return performance.now() - this.#since
  }
}
