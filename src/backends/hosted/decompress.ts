import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'

const DECODERS: Readonly<Record<string, (body: Buffer) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

/** Undoes the compression that some proxies add although none was asked for. */
export async function decompress(body: Buffer, encoding: string | null): Promise<Buffer> {
  const decode = DECODERS[encoding?.trim().toLowerCase() ?? '']
  return decode ? await decode(body) : body
}
