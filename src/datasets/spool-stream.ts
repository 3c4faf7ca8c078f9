import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { copyFile, link, mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DiffgentorError } from '../errors.ts'
import type { InputFormat } from './input-format.ts'

/** What came through a stream, in a file that can be read again for the results and compared on a resume. */
export interface Spool {
  /** Where it can be read until it is discarded. */
  readonly path: string
  /** Keeps it as `FOLDER/stdin.FORMAT`, in place of what an earlier run kept. */
  keep(): Promise<void>
  /** Removes what is not kept. */
  discard(): Promise<void>
}

/** Writes a stream to a hidden file of this process. An empty stream is refused. */
export async function spoolStream(stream: Readable, folder: string, format: InputFormat): Promise<Spool> {
  const path = nameHidden(folder)
  const keptPath = join(folder, `stdin.${format}`)
  const discard = () => rm(path, { force: true })
  try {
    await mkdir(folder, { recursive: true })
    await pipeline(stream, createWriteStream(path, { flush: true } as { flush: boolean }))
    if ((await stat(path)).size === 0) throw new DiffgentorError('invalid_configuration', 'Standard input held no rows.')
  } catch (error) {
    await discard()
    throw refuseSpool(keptPath, error)
  }
  return {
    path,
    discard,
    async keep() {
      const twin = nameHidden(folder)
      try {
        // The first name stays, since Parquet is opened by it again and again. Some file systems know no links.
        await link(path, twin).catch(() => copyFile(path, twin))
        await rename(twin, keptPath)
      } catch (error) {
        await rm(twin, { force: true })
        throw refuseSpool(keptPath, error)
      }
    },
  }
}

/** A fresh hidden name that tells the process, so that the file can be swept once that is gone. */
function nameHidden(folder: string): string {
  return join(folder, `.stdin${randomBytes(4).toString('hex')}-${process.pid}.dgpart`)
}

function refuseSpool(path: string, cause: unknown): DiffgentorError {
  if (cause instanceof DiffgentorError) return cause
  const { code } = cause as NodeJS.ErrnoException
  const reason = code ?? (cause as Error).message
  const kind = code === 'ENOSPC' ? 'disk_full' : 'not_writable'
  return new DiffgentorError(kind, `Standard input could not be kept in ${path} (${reason}).`, { cause })
}
