import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import { answerFile } from '../../http/file-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import type { Services } from '../../services.ts'
import { offerStored } from '../../stored-file.ts'

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
      answers: [
        { status: 200, description: 'The picture', type: 'image/png' },
        { status: 206, description: 'The part that Range asks for', type: 'image/png' },
      ],
    },
    (c) => answerStoredImage(services, c),
  )
}

function answerStoredImage({ store }: Services, c: ServerContext): Response {
  const id = c.req.param('id') ?? ''
  const variant = c.req.query('variant') ?? '0'
  if (store?.count(id) === undefined) throw new DiffgentorError('not_found', 'Image not found')
  const file = /^\d{1,4}$/.test(variant) ? offerStored(store, id, Number(variant), `${id}-${Number(variant)}`) : undefined
  if (!file) throw new DiffgentorError('not_found', `Image variant ${variant} not found`)
  return answerFile(c, file)
}
