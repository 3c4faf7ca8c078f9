import type { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import { startDrawing } from '../../drawing.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { checkMode } from '../../requests/check-order.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { DEPLOYMENT, IMAGE_ANSWERS } from './generations-route.ts'
import { EDIT_FIELDS, type EditFields, VARIATION_FIELDS } from './image-fields.ts'
import { answerImages, readResponseFormat } from './images-answer.ts'
import { streamImages } from './images-stream.ts'
import { type EditBody, readEditBody, readEditPictures } from './read-edit.ts'
import { readEdit } from './read-order.ts'

export function registerEdits(book: RouteBook, services: Services): void {
  const route = {
    method: 'post',
    tag: 'OpenAI',
    description: 'Files go into the fields image, image[], images or images[]; JSON names them in images.',
    json: EDIT_FIELDS,
    form: EDIT_FIELDS,
    example: { prompt: 'make it blue', images: [{ image_url: 'https://example.com/apple.png' }] },
    answers: IMAGE_ANSWERS,
  } as const
  const answer = async (c: ServerContext) => await answerEdit(services, c, (body) => parseEdit(body))
  book.add({ ...route, path: '/v1/images/edits', summary: 'Edit pictures' }, answer)
  book.add({ ...route, path: `${DEPLOYMENT}/images/edits`, summary: 'The same, as Azure’s clients call it' }, answer)
  book.add(
    {
      method: 'post',
      path: '/v1/images/variations',
      tag: 'OpenAI',
      summary: 'Vary a picture',
      form: VARIATION_FIELDS,
      answers: IMAGE_ANSWERS,
    },
    async (c) => await answerEdit(services, c, (body) => parseVariation(body)),
  )
}

function parseEdit({ fields }: EditBody): EditFields {
  if (fields.prompt === undefined || fields.prompt === null) {
    throw new DiffgentorError('invalid_field', "'prompt' field is required", { field: 'prompt' })
  }
  return parseFields(EDIT_FIELDS, fields)
}

/** A variation is an edit without instruction. */
function parseVariation({ fields }: EditBody): EditFields {
  const parsed: z.output<typeof VARIATION_FIELDS> = parseFields(VARIATION_FIELDS, fields)
  return { ...parsed, prompt: parsed.prompt ?? '' }
}

async function answerEdit(services: Services, c: ServerContext, parse: (body: EditBody) => EditFields): Promise<Response> {
  checkMode(services, 'edit')
  const { signal } = c.req.raw
  const body = await readEditBody(services, c)
  const sent = parse(body)
  const fields = { ...sent, model: c.req.param('model') ?? sent.model }
  const format = readResponseFormat(services, fields.response_format)
  const pictures = await readEditPictures(services, body, fields, signal)
  const order = await readEdit(services, fields, pictures, c.get('isAdmin'))
  const facts = { quality: fields.quality }
  c.set('facts', { model: order.model.id, prompt: services.settings.logPrompts ? fields.prompt : undefined })
  if (fields.stream) {
    return streamImages(services, order, signal, { ...facts, prefix: 'image_edit', partialImages: fields.partial_images ?? 0 })
  }
  return await answerImages(services, c, await startDrawing(services, order, { signal }).drawing, format, facts)
}
