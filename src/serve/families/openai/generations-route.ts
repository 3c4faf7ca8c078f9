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

export function registerGenerations(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'post',
      path: '/v1/images/generations',
      tag: 'OpenAI',
      summary: 'Draw pictures from text',
      json: GENERATION_FIELDS,
      example: { prompt: 'a red apple', n: 1, seed: 42 },
      answers: IMAGE_ANSWERS,
    },
    async (c) => await answerGeneration(services, c),
  )
}

async function answerGeneration(services: Services, c: ServerContext): Promise<Response> {
  const fields = parseFields(GENERATION_FIELDS, await readJsonFields(c, services.limits.maxBody))
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
