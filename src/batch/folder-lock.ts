import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { DiffgentorError } from '../errors.ts'
import { isProcessAlive, readProcessStart } from '../process-identity.ts'
import { toDiskError } from '../sinks/disk-errors.ts'
import { PartNames } from '../sinks/part-files.ts'
import { listNeighbors, type RunFiles, type Shard } from './run-files.ts'

interface LockHolder extends Shard {
  pid: number
  host: string
  /** When that process began, so that another one with its id is not taken for it. */
  start?: string | undefined
  runId: string
}

/** The output folder, held by this run. */
export interface FolderLock extends Disposable {
  /** Unique to the run: marks its part files. */
  readonly runId: string
  /** Runs that live on this folder, this one included. */
  readonly livingRuns: ReadonlySet<string>
  /** A sentence about a lock left by a dead run, when there was one. */
  readonly notice: string | undefined
}

/** Takes the output folder for one shard. Throws `folder_locked` while another run holds it that is not another shard of the same split. */
export function lockFolder(files: RunFiles, shard: Shard): FolderLock {
  const start = readProcessStart(process.pid)
  const own: LockHolder = { pid: process.pid, host: hostname(), start, runId: randomBytes(6).toString('hex'), ...shard }
  const notices: string[] = []
  takeLockFile(files, own, notices)
  const release = () => releaseLockFile(files.lock, own)
  try {
    return {
      runId: own.runId,
      livingRuns: new Set([own.runId, ...checkNeighbors(files, own).map(({ runId }) => runId)]),
      notice: notices[0],
      [Symbol.dispose]: release,
    }
  } catch (error) {
    release()
    throw error
  }
}

function takeLockFile(files: RunFiles, own: LockHolder, notices: string[]): void {
  const draft = new PartNames(own.runId).beside(files.lock)
  try {
    writeFileSync(draft, `${JSON.stringify(own)}\n`, { flag: 'wx' })
  } catch (error) {
    throw toDiskError(error, `The output folder ${files.folder}`)
  }
  try {
    // Linking makes the lock appear whole, and only where there is none.
    while (!tryLink(draft, files.lock)) {
      const holder = readHolder(files.lock)
      if (holder && isAlive(holder)) throw lockedBy(holder, files)
      if (removeStale(files.lock, `${own.runId}s`, holder) && notices.length === 0) {
        const whose = holder ? `process ${holder.pid} on ${holder.host}` : 'an unknown process'
        notices.push(`The lock of ${whose}, which is gone, was taken over.`)
      }
    }
  } finally {
    unlinkSync(draft)
  }
}

function tryLink(draft: string, lock: string): boolean {
  try {
    linkSync(draft, lock)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS') throw toDiskError(error, `The lock ${lock}`)
  }
  return tryExclusiveWrite(draft, lock)
}

/** For file systems without links. */
function tryExclusiveWrite(draft: string, lock: string): boolean {
  try {
    writeFileSync(lock, readFileSync(draft), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw toDiskError(error, `The lock ${lock}`)
  }
}

/** Moves a dead run's lock away. When it was another's fresh lock that got moved, it is put back. */
function removeStale(lock: string, runId: string, stale: LockHolder | undefined): boolean {
  const moved = new PartNames(runId).beside(lock)
  try {
    renameSync(lock, moved)
  } catch {
    return false
  }
  const holder = readHolder(moved)
  const isOther = holder !== undefined && holder.runId !== stale?.runId
  if (isOther) tryLink(moved, lock)
  unlinkSync(moved)
  return !isOther
}

function releaseLockFile(lock: string, own: LockHolder): void {
  if (readHolder(lock)?.runId === own.runId) unlinkSync(lock)
}

/** Other shards' living locks; a run with another split may work the same rows, so it is an error. */
function checkNeighbors(files: RunFiles, own: LockHolder): LockHolder[] {
  const living = listNeighbors(files).flatMap(({ lock }) => {
    const holder = readHolder(lock)
    return holder && isAlive(holder) ? [holder] : []
  })
  const foreign = living.find(({ numNodes }) => numNodes !== own.numNodes)
  if (foreign) throw lockedBy(foreign, files)
  return living
}

function readHolder(path: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as LockHolder
    return typeof holder.pid === 'number' && typeof holder.host === 'string' ? holder : undefined
  } catch {
    return undefined
  }
}

/** A run on another machine cannot be looked at, so it counts as living. */
function isAlive({ pid, host, start }: LockHolder): boolean {
  return host !== hostname() || isProcessAlive(pid, start)
}

function lockedBy(holder: LockHolder, { folder, lock }: RunFiles): DiffgentorError {
  const cure = holder.host === hostname() ? 'wait for it or choose another folder' : `if it is gone, remove ${lock}`
  return new DiffgentorError(
    'folder_locked',
    `The output folder ${folder} is in use by process ${holder.pid} on ${holder.host}; ${cure}.`,
    { field: 'output_dir' },
  )
}
