import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { joinPieces } from '../../event-loop/join-pieces.ts'
import type { Received } from './exchange.ts'

const DECODERS: Readonly<Record<string, (body: Buffer) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

/** Undoes the compression that some proxies add although none was asked for. */
export async function decompress(received: Received): Promise<Received> {
  const encoding = received.headers.get('content-encoding')?.trim().toLowerCase() ?? ''
  const decode = DECODERS[encoding]
  return decode ? { ...received, pieces: [await decode(await joinPieces(received.pieces))] } : received
}
