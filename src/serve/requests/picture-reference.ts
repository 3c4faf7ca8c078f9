import { DiffgentorError } from '../../errors.ts'
import { takeTurns } from '../../event-loop/take-turns.ts'
import { readPictureHeader } from '../../images/decode-picture.ts'
import { tooLarge } from '../http/request-body.ts'
import type { Services } from '../services.ts'

/** Characters of base64 text decoded at once: a millisecond's work. */
const SLICE = 1024 * 1024

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
  if (!head && /^[a-z][a-z0-9+.-]*:/i.test(text.slice(0, 200))) throw invalidReference(field)
  return await decodeBase64(head ? text.slice(head[0].length) : text, field)
}

/** Long texts in turns: a picture of 50 MB would hold up everyone else for a tenth of a second. */
async function decodeBase64(text: string, field: string): Promise<Uint8Array> {
  const body = text.trimEnd().replace(/={1,2}$/, '')
  if (body === '') throw invalidReference(field)
  const decoded = Buffer.allocUnsafeSlow(Math.ceil((body.length * 3) / 4))
  let rest = ''
  let length = 0
  await takeTurns(body.length, SLICE, (start, end) => {
    const part = rest + body.slice(start, end)
    if (!/^[A-Za-z0-9+/_\s-]*$/.test(part)) throw invalidReference(field)
    const solid = /\s/.test(part) ? part.replace(/\s+/g, '') : part
    // Four characters are three bytes; what is left over begins the next part.
    const whole = end === body.length ? solid.length : solid.length - (solid.length % 4)
    length += decoded.write(solid.slice(0, whole), length, 'base64')
    rest = solid.slice(whole)
  })
  return decoded.subarray(0, length)
}

function invalidReference(field: string): DiffgentorError {
  return new DiffgentorError('unreadable_image', 'Invalid image_url: not a valid URL, data-URL, or base64 string', { field })
}
