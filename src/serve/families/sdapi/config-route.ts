import type { RouteBook } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'
import { drawGrid } from './draw-grid.ts'
import { CONFIG_QUERY, readQuery } from './draw-query.ts'
import { USER_ERRORS } from './errors.ts'
import type { LoraShelf } from './lora-shelf.ts'
import { readDrawing } from './read-drawing.ts'
import { CONFIG_FORM, readSentImages } from './sent-image.ts'

export function registerConfig(book: RouteBook, services: Services, shelf: LoraShelf): void {
  book.add(
    {
      method: 'post',
      path: '/post_config',
      tag: 'Stable Diffusion API',
      summary: 'Draw pictures, or edit the one that is sent',
      description: 'Parameters stand in the query. Several pictures are answered as one grid.',
      query: CONFIG_QUERY,
      form: CONFIG_FORM,
      queryExample: { prompt: 'a red apple', count_returned: 2, seed: 42 },
      answers: [{ status: 200, description: 'One PNG', type: 'image/png' }],
      ...USER_ERRORS,
    },
    async (c) => {
      const query = readQuery(c, CONFIG_QUERY)
      const sent = await readSentImages(services, c)
      const parts = { ...sent, loras: await shelf.find(query.lora) }
      const order = await readDrawing(services, query, c.req.raw.signal, parts)
      const { prompt } = order.request
      c.set('facts', { model: order.model.id, prompt: services.settings.logPrompts ? prompt : undefined })
      return await drawGrid(services, order, query.prompt_b, c.req.raw.signal)
    },
  )
}
