/** A request body as bytes, and the content type that goes with it when the headers have none. */
export interface RequestBody {
  bytes: Uint8Array | undefined
  contentType: string | undefined
}

/** Brings whatever an SDK hands to `fetch` into bytes, so that the length is known and nothing is read while sending. */
export async function readRequestBody(body: RequestInit['body']): Promise<RequestBody> {
  if (body === null || body === undefined) return { bytes: undefined, contentType: undefined }
  if (typeof body === 'string') return { bytes: Buffer.from(body), contentType: undefined }
  const carrier = new Response(body)
  return { bytes: new Uint8Array(await carrier.arrayBuffer()), contentType: carrier.headers.get('content-type') ?? undefined }
}
