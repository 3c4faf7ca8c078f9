import { readFile, stat } from 'node:fs/promises'
import { DiffgentorError } from '../errors.ts'
import type { Fetcher } from '../fetching/fetcher.ts'
import type { ImageReference } from './image-cell.ts'

/** Larger files are not read: no picture that fits the memory needs them. */
const MAX_FILE_BYTES = 512 * 1024 * 1024

/** Reads the picture that a reference names. What is not there, not allowed or too large is an error of the row. */
export async function loadImage(reference: ImageReference, fetcher: Fetcher, signal: AbortSignal): Promise<Uint8Array> {
  switch (reference.kind) {
    case 'bytes':
      return reference.bytes
    case 'url':
      return fetcher.fetchPicture(reference.url, signal)
    case 'data':
      return decodeDataUrl(reference.url)
    case 'path':
      return readPicture(reference.path, signal)
  }
}

/** The bytes of a data URL. Both forms are understood; white space inside base64 is allowed. */
export function decodeDataUrl(url: string): Uint8Array {
  const comma = url.indexOf(',')
  if (comma < 0) throw unreadable('A data URL without a comma holds no picture.')
  const body = url.slice(comma + 1)
  const bytes = /;\s*base64\s*$/i.test(url.slice(0, comma)) ? decodeBase64(body) : Buffer.from(decodePercent(body), 'latin1')
  if (bytes.length === 0) throw unreadable('A data URL holds no bytes.')
  return bytes
}

/** Node's decoder skips what it does not know; a picture with skipped bytes would be another picture. */
function decodeBase64(body: string): Buffer {
  const text = (body.includes('%') ? decodePercent(body) : body).replaceAll(/\s+/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw unreadable('A data URL holds characters that are not base64.')
  return Buffer.from(text, 'base64')
}

function decodePercent(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

async function readPicture(path: string, signal: AbortSignal): Promise<Uint8Array> {
  signal.throwIfAborted()
  try {
    const facts = await stat(path)
    if (!facts.isFile()) throw unreadable(`The picture ${path} is not a file.`)
    if (facts.size > MAX_FILE_BYTES) throw unreadable(`The picture ${path} has ${facts.size} bytes; at most 512 MB are read.`)
    return await readFile(path, { signal })
  } catch (error) {
    if (error instanceof DiffgentorError || signal.aborted) throw error
    const { code } = error as NodeJS.ErrnoException
    throw unreadable(
      code === 'ENOENT' ? `The picture ${path} does not exist.` : `The picture ${path} cannot be read (${code}).`,
      error,
    )
  }
}

function unreadable(sentence: string, cause?: unknown): DiffgentorError {
  return new DiffgentorError('unreadable_image', sentence, { cause })
}
