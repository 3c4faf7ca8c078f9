import { z } from 'zod'
import { parsePairs } from '../../../images/infotext.ts'
import { readInfotext } from '../../../images/read-recipe.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import type { RouteBook } from '../../http/route-book.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { A1111_ERRORS } from './errors.ts'
import { readSent } from './read-sent.ts'

const FIELDS = z.object({ image: z.unknown().describe('The picture in base64') })

const ANSWER = z.object({
  info: z.string().describe('The text that the picture carries; empty when it has none'),
  items: z.record(z.string(), z.string()),
  parameters: z.record(z.string(), z.string()).describe('The same, by name'),
})

export function registerPngInfo(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'post',
      path: '/sdapi/v1/png-info',
      tag: 'AUTOMATIC1111',
      summary: 'Tell how a picture was made',
      json: FIELDS,
      example: { image: 'data:image/png;base64,…' },
      answers: [{ status: 200, description: 'What it carries', schema: ANSWER }],
      ...A1111_ERRORS,
    },
    async (c) => {
      const { image } = parseFields(FIELDS, await readJsonFields(c, services.limits.maxBody))
      const info = (await readInfotext(await readSent(services, image, c.req.raw.signal, 'image'))) ?? ''
      return jsonAnswer({ info, items: info === '' ? {} : { parameters: info }, parameters: describeText(info) })
    },
  )
}

function describeText(info: string): Record<string, string> {
  if (info === '') return {}
  const lines = info.trimEnd().split('\n')
  const pairs = parsePairs(lines.pop() ?? '')
  const [prompt = '', negative = ''] = lines.join('\n').split(/^Negative prompt: ?/m)
  return {
    Prompt: prompt.trim(),
    'Negative prompt': negative.trim(),
    ...Object.fromEntries(pairs),
    ...splitSize(pairs.get('Size')),
  }
}

function splitSize(size: string | undefined): Record<string, string> {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(size ?? '') ?? []
  return width === undefined || height === undefined ? {} : { 'Size-1': width, 'Size-2': height }
}
