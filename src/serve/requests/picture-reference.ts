import { DiffgentorError } from '../../errors.ts'
import { readPictureHeader } from '../../images/decode-picture.ts'
import { tooLarge } from '../http/request-body.ts'
import type { Services } from '../services.ts'

/**
 * Reads a picture from wherever a request may hold it: bytes, an http(s) address, a data URL or bare base64. Its header is
 * checked before anything is decoded.
 */
export async function readPicture(
  services: Services,
  reference: unknown,
  signal: AbortSignal,
  field: string,
): Promise<Uint8Array> {
  try {
    const bytes = await readReference(services, reference, signal, field)
    const { maxImage } = services.limits
    if (bytes.byteLength > maxImage) throw tooLarge(maxImage, 'The picture')
    await readPictureHeader(bytes, { maxBytes: maxImage })
    return bytes
  } catch (thrown) {
    throw thrown instanceof DiffgentorError ? nameField(thrown, field) : thrown
  }
}

/** Those who fetch and read pictures do not know which field named them. */
function nameField({ code, message, cause, retryAfterMs }: DiffgentorError, field: string): DiffgentorError {
  return new DiffgentorError(code, message, { cause, retryAfterMs, field })
}

async function readReference(services: Services, reference: unknown, signal: AbortSignal, field: string): Promise<Uint8Array> {
  if (reference instanceof Uint8Array) return reference
  if (typeof reference !== 'string') throw invalidReference(field)
  const text = reference.trim()
  if (/^https?:\/\//i.test(text)) return await services.fetcher.fetchPicture(text, signal)
  const head = /^data:[^,]*;base64,/i.exec(text.slice(0, 200))
  if (!head && /^[a-z][a-z0-9+.-]*:/i.test(text)) throw invalidReference(field)
  return decodeBase64(head ? text.slice(head[0].length) : text, field)
}

function decodeBase64(text: string, field: string): Uint8Array {
  if (text === '' || !/^[A-Za-z0-9+/_\s-]*={0,2}\s*$/.test(text)) throw invalidReference(field)
  return Buffer.from(text, 'base64')
}

function invalidReference(field: string): DiffgentorError {
  return new DiffgentorError('unreadable_image', 'Invalid image_url: not a valid URL, data-URL, or base64 string', { field })
}
