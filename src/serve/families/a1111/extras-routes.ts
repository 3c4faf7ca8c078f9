import { Base64Bytes, jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import type { RouteBook } from '../../http/route-book.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { A1111_ERRORS } from './errors.ts'
import { BATCH_ANSWER, BATCH_FIELDS, type ExtrasFields, SINGLE_ANSWER, SINGLE_FIELDS } from './extras-fields.ts'
import { readSent } from './read-sent.ts'
import { type ExtrasWish, enlargeFile, readExtras } from './run-extras.ts'

export function registerExtras(book: RouteBook, services: Services): void {
  const common = { method: 'post', tag: 'AUTOMATIC1111', ...A1111_ERRORS } as const
  const enlarge = async (picture: unknown, wish: ExtrasWish, signal: AbortSignal) =>
    new Base64Bytes(await enlargeFile(services, await readSent(services, picture, signal, 'image'), wish, signal))
  book.add(
    {
      ...common,
      path: '/sdapi/v1/extra-single-image',
      summary: 'Enlarge a picture',
      json: SINGLE_FIELDS,
      example: { image: 'data:image/png;base64,…', upscaling_resize: 2, upscaler_1: 'Lanczos' },
      answers: [{ status: 200, description: 'The picture', schema: SINGLE_ANSWER }],
    },
    async (c) => {
      const fields = parseFields(SINGLE_FIELDS, await readJsonFields(c, services.limits.maxBody))
      const wish = await readExtras(services, fields)
      const image = await enlarge(fields.image, wish, c.req.raw.signal)
      return jsonAnswer({ html_info: '', image, warnings: listIgnored(fields) })
    },
  )
  book.add(
    {
      ...common,
      path: '/sdapi/v1/extra-batch-images',
      summary: 'Enlarge several pictures',
      json: BATCH_FIELDS,
      example: { imageList: [{ data: 'data:image/png;base64,…', name: 'apple.png' }], upscaling_resize: 2 },
      answers: [{ status: 200, description: 'The pictures', schema: BATCH_ANSWER }],
    },
    async (c) => {
      const fields = parseFields(BATCH_FIELDS, await readJsonFields(c, services.limits.maxBody))
      const wish = await readExtras(services, fields)
      const images: Base64Bytes[] = []
      for (const { data } of fields.imageList) images.push(await enlarge(data, wish, c.req.raw.signal))
      return jsonAnswer({ html_info: '', images, warnings: listIgnored(fields) })
    },
  )
}

function listIgnored(fields: ExtrasFields): string[] {
  const restorers = ['gfpgan_visibility', 'codeformer_visibility'] as const
  return restorers.filter((name) => fields[name]).map((name) => `This server does not honor ${name}: it restores no faces.`)
}
