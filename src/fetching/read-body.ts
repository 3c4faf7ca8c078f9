import type { IncomingMessage } from 'node:http'
import { DiffgentorError } from '../errors.ts'
import { joinPieces } from '../event-loop/join-pieces.ts'
import { describeUrl, toFetchError } from './fetch-errors.ts'

/** Reads an answer up to a limit. One byte more ends the connection. */
export async function readBody(response: IncomingMessage, url: URL, maxBytes: number): Promise<Uint8Array> {
  const { 'content-length': announced, 'content-encoding': encoding } = response.headers
  if (encoding !== undefined && encoding !== 'identity') {
    response.destroy()
    throw new DiffgentorError(
      'fetch_refused',
      `${describeUrl(url)} answers compressed (${encoding}) although that was not asked for.`,
    )
  }
  const chunks: Buffer[] = []
  let size = 0
  try {
    if (Number(announced) > maxBytes) throw tooLarge(url, maxBytes)
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw tooLarge(url, maxBytes)
      chunks.push(chunk)
    }
  } catch (error) {
    throw toFetchError(error as Error, url)
  } finally {
    response.destroy()
  }
  return await joinPieces(chunks)
}

function tooLarge(url: URL, maxBytes: number): DiffgentorError {
  return new DiffgentorError(
    'fetch_refused',
    `${describeUrl(url)} holds more than ${Math.round(maxBytes / 1e6)} MB, the limit for fetched pictures.`,
  )
}
