import type { z } from 'zod'
import { readJsonFields } from '../../http/json-body.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook, RouteSpec } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { type Desk, Sitting } from './desk.ts'
import { answerDraw } from './draw-answer.ts'
import { DRAW_ANSWER, IMG2IMG_FIELDS, TXT2IMG_FIELDS, type Txt2imgFields } from './draw-fields.ts'
import { A1111_ERRORS } from './errors.ts'
import type { Options } from './options.ts'
import { type DrawPlan, type DrawReader, readTxt2img } from './read-draw.ts'
import { readImg2img } from './read-img2img.ts'
import { runDraw } from './run-draw.ts'

const ROUTE: Pick<RouteSpec, 'method' | 'tag' | 'answers' | 'shapeProblem' | 'errorBody'> = {
  method: 'post',
  tag: 'AUTOMATIC1111',
  answers: [{ status: 200, description: 'The pictures', schema: DRAW_ANSWER }],
  ...A1111_ERRORS,
}

export function registerDrawing(book: RouteBook, services: Services, options: Options, desk: Desk): void {
  const readerOf = (c: ServerContext): DrawReader => ({
    services,
    options,
    isAdmin: c.get('isAdmin'),
    signal: c.req.raw.signal,
  })
  book.add(
    {
      ...ROUTE,
      path: '/sdapi/v1/txt2img',
      summary: 'Draw pictures from text',
      json: TXT2IMG_FIELDS,
      example: { prompt: 'a red apple', negative_prompt: 'blurry', seed: 42, batch_size: 2 },
    },
    async (c) => await draw(c, TXT2IMG_FIELDS, (fields) => readTxt2img(readerOf(c), fields)),
  )
  book.add(
    {
      ...ROUTE,
      path: '/sdapi/v1/img2img',
      summary: 'Edit pictures, or the part of one that a mask shows',
      json: IMG2IMG_FIELDS,
      example: { prompt: 'a green apple', init_images: ['data:image/png;base64,…'], denoising_strength: 0.6 },
    },
    async (c) => await draw(c, IMG2IMG_FIELDS, (fields) => readImg2img(readerOf(c), fields)),
  )

  async function draw<S extends z.ZodType<Txt2imgFields>>(
    c: ServerContext,
    schema: S,
    read: (fields: z.output<S>) => Promise<DrawPlan>,
  ): Promise<Response> {
    const fields = parseFields(schema, await readJsonFields(c, services.limits.maxBody))
    const plan = await read(fields)
    c.set('facts', { model: plan.model.id, prompt: services.settings.logPrompts ? fields.prompt : undefined })
    const pictures = plan.orders[0]!.request.numImages
    const passes = plan.hires ? 1 + pictures : 1
    const sitting = new Sitting(ownerOf(c), { turns: plan.orders.length, pictures, passes })
    const turns = await desk.attend(sitting, () => runDraw(services, plan, sitting, c.req.raw.signal))
    return answerDraw(fields, plan, sitting, turns)
  }
}
