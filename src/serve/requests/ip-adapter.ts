import { z } from 'zod'
import type { IpAdapterChoice } from '../../contract/index.ts'
import type { Services } from '../services.ts'
import { readPicture } from './picture-reference.ts'
import { wireJson, wireNumber } from './wire-fields.ts'

const PICTURE = z.union([z.string(), z.instanceof(Uint8Array).meta({ type: 'string' })])

/** What a request may show to a model with an IP-Adapter. */
export const IP_ADAPTER_FIELDS = {
  ip_adapter_image: wireJson(z.union([PICTURE, z.array(PICTURE).max(16)])).describe(
    'Pictures whose content and style are drawn, for models with an IP-Adapter: address, data URL or base64',
  ),
  ip_adapter_scale: wireNumber(-10, 10).describe('How much those pictures count beside the prompt, default 1'),
}

interface IpAdapterFields {
  ip_adapter_image?: z.output<typeof IP_ADAPTER_FIELDS.ip_adapter_image>
  ip_adapter_scale?: number | undefined
}

/** Fetches and checks the pictures; undefined where there are none. */
export async function readIpAdapter(services: Services, fields: IpAdapterFields): Promise<IpAdapterChoice | undefined> {
  const sent = [fields.ip_adapter_image ?? []].flat()
  if (sent.length === 0) return undefined
  // An address is given up after its own time, whether or not the caller still waits.
  const { signal } = new AbortController()
  const images = await Promise.all(sent.map((picture) => readPicture(services, picture, signal, 'ip_adapter_image')))
  return { images, scale: fields.ip_adapter_scale }
}
