import { DiffgentorError } from '../../../errors.ts'
import { readPicture } from '../../requests/picture-reference.ts'
import type { Services } from '../../services.ts'

/** Reads a picture of a request, and refuses it in the origin's words. */
export async function readSent(services: Services, picture: unknown, signal: AbortSignal, field: string): Promise<Uint8Array> {
  try {
    return await readPicture(services, picture, signal, field)
  } catch (thrown) {
    if (!(thrown instanceof DiffgentorError) || thrown.code !== 'unreadable_image') throw thrown
    throw new DiffgentorError('unreadable_image', 'Invalid encoded image', { cause: thrown, field })
  }
}
