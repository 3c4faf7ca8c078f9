import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { DiffgentorError } from '../errors.ts'
import type { InputFormat } from './input-format.ts'

/** Keeps what comes through a stream in `FOLDER/stdin.FORMAT`, so that it can be read again for the results and compared on a resume. An empty stream leaves an earlier file as it was. */
export async function spoolStream(stream: Readable, folder: string, format: InputFormat): Promise<string> {
  const path = join(folder, `stdin.${format}`)
  const part = join(folder, `.stdin-${process.pid}.dgpart`)
  try {
    await mkdir(folder, { recursive: true })
    await pipeline(stream, createWriteStream(part, { flush: true } as { flush: boolean }))
    if ((await stat(part)).size === 0) throw new DiffgentorError('invalid_configuration', 'Standard input held no rows.')
    await rename(part, path)
    return path
  } catch (error) {
    await rm(part, { force: true })
    if (error instanceof DiffgentorError) throw error
    throw refuseSpool(path, error)
  }
}

function refuseSpool(path: string, cause: unknown): DiffgentorError {
  const { code } = cause as NodeJS.ErrnoException
  const reason = code ?? (cause as Error).message
  const kind = code === 'ENOSPC' ? 'disk_full' : 'not_writable'
  return new DiffgentorError(kind, `Standard input could not be kept in ${path} (${reason}).`, { cause })
}
