import { freeDiskBytes } from '../../disk-cache/free-space.ts'
import { DiffgentorError } from '../../errors.ts'
import { withBlobLock } from './blob-lock.ts'
import type { CachedRepository } from './cached-repository.ts'
import { downloadBlob } from './download-blob.ts'
import type { HubClient } from './hub-client.ts'
import type { HubFile } from './hub-file.ts'
import type { OnPullEvent } from './pull-event.ts'

/** Downloads at once. */
const CONNECTIONS = 4
/** Milliseconds between two looks at a file that another process downloads. */
const LOOK_EVERY = 200
/** Milliseconds without growth after which a process on another machine is taken for dead. */
const STALE_AFTER = 120_000

export interface FilesPull {
  client: HubClient
  repository: CachedRepository
  signal: AbortSignal
  onEvent?: OnPullEvent | undefined
}

/** Tells what is wanted and how much of it is not here yet, and gives the bytes of all. Throws `disk_full` when the disk has no room. */
export async function announcePull(files: readonly HubFile[], { client, repository, onEvent }: FilesPull): Promise<number> {
  const blobs = distinctBlobs(files)
  const totalBytes = sumSizes(blobs)
  const missing = await Promise.all(
    blobs.map(async (file) => {
      const isHere = (await repository.findContent(client.commit, file)) !== undefined
      return isHere ? 0 : file.size - (await repository.countPartial(file))
    }),
  )
  const missingBytes = missing.reduce((sum, bytes) => sum + bytes, 0)
  const { repository: name } = client.id
  const freeBytes = await freeDiskBytes(repository.blobs)
  if (missingBytes > freeBytes) {
    throw new DiffgentorError(
      'disk_full',
      `${name} needs ${inGigabytes(missingBytes)} more on the disk of ${repository.blobs}, which has ${inGigabytes(freeBytes)} free; make room or set HF_HOME to another disk.`,
    )
  }
  onEvent?.({ phase: 'plan', name, files, totalBytes, missingBytes, cache: repository.blobs })
  return totalBytes
}

/** Downloads what is missing, several files at once, and tells how many bytes of all files are here. */
export async function pullFiles(files: readonly HubFile[], pull: FilesPull): Promise<void> {
  const { client, repository, onEvent } = pull
  const blobs = distinctBlobs(files)
  const totalBytes = sumSizes(blobs)
  const bytesOf = new Map<HubFile, number>()
  let bytes = 0
  const note = (file: HubFile, here: number) => {
    bytes += here - (bytesOf.get(file) ?? 0)
    bytesOf.set(file, here)
    onEvent?.({ phase: 'bytes', bytes, totalBytes })
  }
  await shareOut(blobs, pull.signal, async (file, signal) => {
    if ((await repository.findContent(client.commit, file)) === undefined) {
      await pullFile(file, { ...pull, signal }, (here) => note(file, here))
    }
    note(file, file.size)
  })
}

/** One process downloads a file; the others wait for it. */
async function pullFile(file: HubFile, pull: FilesPull, onBytes: (bytes: number) => void): Promise<void> {
  const { client, repository, signal, onEvent } = pull
  const partial = repository.partialOf(file)
  const onWait = () => onEvent?.({ phase: 'wait', path: file.path })
  await withBlobLock(
    repository.lockOf(file),
    { partial, signal, lookEvery: LOOK_EVERY, staleAfter: STALE_AFTER, onWait },
    async () => {
      if ((await repository.findContent(client.commit, file)) !== undefined) return
      await downloadBlob({ client, file, target: repository.blobOf(file), partial, signal, onBytes })
    },
  )
}

/** Works on several files at once. The first failure ends the others. */
async function shareOut(
  files: readonly HubFile[],
  signal: AbortSignal,
  work: (file: HubFile, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController()
  const either = AbortSignal.any([signal, failure.signal])
  const waiting = files.values()
  const takeTurns = async () => {
    for (const file of waiting) {
      if (failure.signal.aborted) return
      await work(file, either)
    }
  }
  const turns = Array.from({ length: CONNECTIONS }, () =>
    takeTurns().catch((error: unknown) => {
      if (!failure.signal.aborted) failure.abort(error)
    }),
  )
  await Promise.all(turns)
  failure.signal.throwIfAborted()
}

/** Two paths may have one content. */
function distinctBlobs(files: readonly HubFile[]): HubFile[] {
  return [...new Map(files.map((file) => [file.blob, file])).values()]
}

function sumSizes(files: readonly HubFile[]): number {
  return files.reduce((sum, { size }) => sum + size, 0)
}

function inGigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`
}
