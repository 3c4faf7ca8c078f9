import { startDrawing } from '../../drawing.ts'
import { readJsonFields } from '../../http/json-body.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { GENERATION_FIELDS, IMAGES_ANSWER } from './image-fields.ts'
import { answerImages, readResponseFormat } from './images-answer.ts'
import { streamImages } from './images-stream.ts'
import { readGeneration } from './read-order.ts'

export const IMAGE_ANSWERS = [
  { status: 200, description: 'The pictures', schema: IMAGES_ANSWER },
  { status: 200, description: 'Events, with stream: true', type: 'text/event-stream' },
  { status: 200, description: 'One picture, with response_format: file', type: 'image/png' },
] as const

/** What stands before the routes of Azure's clients: they name the model in the path. */
export const DEPLOYMENT = '/openai/deployments/{model}'

export function registerGenerations(book: RouteBook, services: Services): void {
  const route = {
    method: 'post',
    tag: 'OpenAI',
    json: GENERATION_FIELDS,
    example: { prompt: 'a red apple', n: 1, seed: 42 },
    answers: IMAGE_ANSWERS,
  } as const
  const answer = async (c: ServerContext) => await answerGeneration(services, c)
  book.add({ ...route, path: '/v1/images/generations', summary: 'Draw pictures from text' }, answer)
  book.add({ ...route, path: `${DEPLOYMENT}/images/generations`, summary: 'The same, as Azure’s clients call it' }, answer)
}

async function answerGeneration(services: Services, c: ServerContext): Promise<Response> {
  const sent = parseFields(GENERATION_FIELDS, await readJsonFields(c, services.limits.maxBody))
  const fields = { ...sent, model: c.req.param('model') ?? sent.model }
  const format = readResponseFormat(services, fields.response_format)
  const order = await readGeneration(services, fields, c.get('isAdmin'))
  const { signal } = c.req.raw
  const facts = { quality: fields.quality }
  c.set('facts', { model: order.model.id, prompt: services.settings.logPrompts ? fields.prompt : undefined })
  if (fields.stream) {
    return streamImages(services, order, signal, {
      ...facts,
      prefix: 'image_generation',
      partialImages: fields.partial_images ?? 0,
    })
  }
  return await answerImages(services, c, await startDrawing(services, order, { signal }).drawing, format, facts)
}
