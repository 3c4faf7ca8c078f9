import { z } from 'zod'
import { isForm, readForm } from '../../http/form-body.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { readPicture } from '../../requests/picture-reference.ts'
import type { Services } from '../../services.ts'

export const IMAGE_FORM = z.object({ image: z.string().optional().describe('A picture') })

/** The picture of a request's form; undefined when there is none. Throws `unreadable_image` for one that is broken. */
export async function readSentImage(services: Services, c: ServerContext): Promise<Uint8Array | undefined> {
  if (!isForm(c)) return undefined
  const { files } = await readForm(c, services.limits)
  const file = files.find(({ field }) => field === 'image')
  return file && (await readPicture(services, file.bytes, c.req.raw.signal, 'image'))
}
