import { Readable } from 'node:stream'
import type { Enclosures } from './enclosures.ts'

/** A request body as it is sent, and the headers that go with it. */
export interface RequestBody {
  content: Uint8Array | Readable | null
  /** Of a stream only: everything else has its length. */
  contentLength?: string
  /** For requests that tell none. */
  contentType: string | undefined
}

/** Brings whatever an SDK hands to `fetch` into bytes, or into a stream of known length where pictures are enclosed. */
export async function readRequestBody(body: RequestInit['body'], enclosures: Enclosures | undefined): Promise<RequestBody> {
  if (body === null || body === undefined) return { content: null, contentType: undefined }
  const { bytes, contentType } = await readWritten(body)
  if (!enclosures || enclosures.isEmpty) return { content: bytes, contentType }
  const { length, pieces } = enclosures.fill(bytes)
  return { content: Readable.from(pieces(), { objectMode: false }), contentLength: String(length), contentType }
}

async function readWritten(body: NonNullable<RequestInit['body']>) {
  if (typeof body === 'string') return { bytes: Buffer.from(body), contentType: undefined }
  const carrier = new Response(body)
  return { bytes: new Uint8Array(await carrier.arrayBuffer()), contentType: carrier.headers.get('content-type') ?? undefined }
}
