import { rename } from 'node:fs/promises'
import { DiffgentorError } from '../../errors.ts'
import { toCacheFault } from './disk-faults.ts'
import type { HubClient } from './hub-client.ts'
import type { HubFile } from './hub-file.ts'
import { PartialFile } from './partial-file.ts'

/** Tries in a row that bring no byte. */
const MAX_IDLE_TRIES = 5
/** Contents with a wrong digest: the remains of an earlier process may be one. */
const MAX_WRONG_CONTENTS = 2

export interface BlobDownload {
  client: HubClient
  file: HubFile
  /** Where the finished content goes. */
  target: string
  /** Where it grows. */
  partial: string
  signal: AbortSignal
  /** Bytes on the disk, after every piece. Falls when a content has to be fetched anew. */
  onBytes: (bytes: number) => void
}

/**
 * Downloads one file, going on where an earlier try ended, and renames it once its digest is right. Cut connections are taken up
 * again. Rejects with `upstream_unavailable` for a content other than the listed one, and when nothing comes any more.
 */
export async function downloadBlob(download: BlobDownload): Promise<void> {
  const { client, file, target, partial: path } = download
  await using partial = await PartialFile.open(path, file)
  for (let wrongContents = 0; wrongContents < MAX_WRONG_CONTENTS; wrongContents++) {
    await fill(partial, download)
    if (await partial.isWhole()) {
      await rename(path, target).catch((cause: unknown) => {
        throw toCacheFault(cause, target)
      })
      return
    }
    await partial.restart()
  }
  throw new DiffgentorError(
    'upstream_unavailable',
    `The file ${file.path} of ${client.id.repository} came twice with another content than the hub lists; try again later.`,
  )
}

async function fill(partial: PartialFile, download: BlobDownload): Promise<void> {
  const { client, file, signal, onBytes } = download
  onBytes(partial.bytes)
  for (let idleTries = 0; partial.bytes < file.size; ) {
    const before = partial.bytes
    const fault = await appendRest(partial, download).catch((error: unknown) => error)
    signal.throwIfAborted()
    if (isFinal(fault)) throw fault
    idleTries = partial.bytes > before ? 0 : idleTries + 1
    if (idleTries === MAX_IDLE_TRIES) throw brokenOff(download, fault)
    if (partial.bytes < file.size) await client.pause(Math.max(1, idleTries))
  }
}

/** Appends what one answer holds. */
async function appendRest(partial: PartialFile, { client, file, onBytes }: BlobDownload): Promise<void> {
  const { start, body } = await client.openFile(file.path, partial.bytes)
  if (start !== partial.bytes) await partial.restart()
  if (start !== partial.bytes) {
    await body.dump()
    throw new Error('the server sent another part than the one asked for')
  }
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    await partial.append(chunk)
    onBytes(partial.bytes)
    if (partial.bytes > file.size) throw new Error('the server sent more than it lists')
  }
}

/** Faults of the network may pass; refusals and faults of the disk do not. */
function isFinal(fault: unknown): fault is DiffgentorError {
  return fault instanceof DiffgentorError && fault.code !== 'upstream_unreachable'
}

function brokenOff({ client, file }: BlobDownload, cause: unknown): DiffgentorError {
  if (cause instanceof DiffgentorError) return cause
  const reason = cause instanceof Error ? ` (${cause.message})` : ''
  return new DiffgentorError(
    'upstream_unreachable',
    `The download of ${file.path} of ${client.id.repository} broke off again and again${reason}; run the same command again, which goes on where it stopped.`,
    { cause },
  )
}
