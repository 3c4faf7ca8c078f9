import { z } from 'zod'
import { isForm, readForm } from '../../http/form-body.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { readPicture } from '../../requests/picture-reference.ts'
import type { Services } from '../../services.ts'

export const IMAGE_FORM = z.object({ image: z.string().optional().describe('A picture') })

/** A form that may also show pictures to a ControlNet and to a model with an IP-Adapter. */
export const CONFIG_FORM = IMAGE_FORM.extend({
  control_image: z.string().optional().describe('What a ControlNet looks at'),
  ip_adapter_image: z.string().optional().describe('Pictures whose content and style are drawn, for models with an IP-Adapter'),
})

/** The pictures of a request's form. */
export interface SentImages {
  image: Uint8Array | undefined
  controlImage: Uint8Array | undefined
  ipAdapterImages: Uint8Array[]
}

/** Reads the pictures of a form. Throws `unreadable_image` for one that is broken. */
export async function readSentImages(services: Services, c: ServerContext): Promise<SentImages> {
  if (!isForm(c)) return { image: undefined, controlImage: undefined, ipAdapterImages: [] }
  const { files } = await readForm(c, services.limits)
  const read = async (name: string) => {
    const named = files.filter(({ field }) => field === name)
    return await Promise.all(named.map(({ bytes }) => readPicture(services, bytes, c.req.raw.signal, name)))
  }
  const [image] = await read('image')
  const [controlImage] = await read('control_image')
  return { image, controlImage, ipAdapterImages: await read('ip_adapter_image') }
}

/** The one picture of a request's form; undefined when there is none. */
export async function readSentImage(services: Services, c: ServerContext): Promise<Uint8Array | undefined> {
  return (await readSentImages(services, c)).image
}
