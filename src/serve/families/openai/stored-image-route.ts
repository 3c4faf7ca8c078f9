import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import type { Services } from '../../services.ts'

export function registerStoredImages(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'get',
      path: '/v1/images/{id}/content',
      tag: 'OpenAI',
      summary: 'Fetch a picture of a url answer',
      description: 'Needs no key: the id cannot be guessed and dies with the picture.',
      access: 'public',
      query: z.object({ variant: z.string().optional().describe('Which picture of the answer, from 0') }),
      answers: [{ status: 200, description: 'The picture', type: 'image/png' }],
    },
    async (c) => await answerStoredImage(services, c),
  )
}

async function answerStoredImage({ store }: Services, c: ServerContext): Promise<Response> {
  const id = c.req.param('id') ?? ''
  const variant = c.req.query('variant') ?? '0'
  if (store?.count(id) === undefined) throw new DiffgentorError('not_found', 'Image not found')
  const picture = /^\d{1,4}$/.test(variant) ? await store.read(id, Number(variant)) : undefined
  if (!picture) throw new DiffgentorError('not_found', `Image variant ${variant} not found`)
  return new Response(picture.bytes, {
    headers: {
      'content-type': picture.type,
      'content-length': String(picture.bytes.byteLength),
      'content-disposition': `inline; filename="${id}.${picture.type.replace('image/', '')}"`,
      'x-content-type-options': 'nosniff',
    },
  })
}
