import { z } from 'zod'
import type { CallContext, ImageBackend } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import type { ServedModel } from '../../model-pool.ts'
import type { Services } from '../../services.ts'
import { drawGrid } from './draw-grid.ts'
import { DRAW_DEFAULTS, PROMPT_QUERY, readQuery } from './draw-query.ts'
import { toQuery } from './errors.ts'
import { readDrawing } from './read-drawing.ts'
import { IMAGE_FORM, readSentImage } from './sent-image.ts'

const NO_IMAGE = 'No image was passed!'

const CAPTION_QUERY = PROMPT_QUERY.pick({ torch_dtype: true, num_inference_steps: true, guidance_scale: true })

const EMBEDDING = z.object({
  CLIP_embeddings: z.array(z.number()),
  vae_emb: z.array(z.array(z.array(z.number()))).describe('Channels of rows'),
})

export function registerUniDiffuser(book: RouteBook, services: Services): void {
  const common = { method: 'post', tag: 'UniDiffuser', shapeProblem: toQuery } as const
  book.add(
    {
      ...common,
      path: '/prompt2img',
      summary: 'Draw pictures from text',
      description: 'Parameters stand in the query. Several pictures are answered as one grid.',
      query: PROMPT_QUERY,
      queryExample: { prompt: 'a red apple', count_returned: 4 },
      answers: [{ status: 200, description: 'One PNG', type: 'image/png' }],
    },
    async (c) => {
      const query = readQuery(c, PROMPT_QUERY)
      const { signal } = c.req.raw
      return await drawGrid(services, await readDrawing(services, query, signal), query.prompt_b, signal)
    },
  )
  book.add(
    {
      ...common,
      path: '/img2prompt',
      summary: 'Describe a picture in words',
      query: CAPTION_QUERY,
      queryExample: { num_inference_steps: 20 },
      form: IMAGE_FORM,
      answers: [{ status: 200, description: 'The words', schema: z.string() }],
    },
    async (c) => {
      const query = readQuery(c, CAPTION_QUERY)
      return await answerPicture(services, c, 'describePicture', async (backend, image, context) => {
        const wish = {
          image,
          seed: DRAW_DEFAULTS.seed,
          numInferenceSteps: query.num_inference_steps ?? DRAW_DEFAULTS.num_inference_steps,
          guidanceScale: query.guidance_scale ?? DRAW_DEFAULTS.guidance_scale,
        }
        return await backend.describePicture!(wish, context)
      })
    },
  )
  book.add(
    {
      ...common,
      path: '/img2embed',
      summary: 'Tell what the encoders make of a picture',
      form: IMAGE_FORM,
      answers: [{ status: 200, description: 'The numbers', schema: EMBEDDING }],
    },
    async (c) =>
      await answerPicture(services, c, 'embedPicture', async (backend, image, context) => {
        const { clip, latents, latentShape } = await backend.embedPicture!(image, context)
        return { CLIP_embeddings: [...clip], vae_emb: nest(latents, latentShape) }
      }),
  )
}

/** Work on the sent picture by a model that can do it, in the server's queue. */
async function answerPicture(
  services: Services,
  c: ServerContext,
  ability: 'describePicture' | 'embedPicture',
  work: (backend: ImageBackend, image: Uint8Array, context: CallContext) => Promise<unknown>,
): Promise<Response> {
  const image = await readSentImage(services, c)
  if (!image) return jsonAnswer(NO_IMAGE)
  const model = findAble(services, ability)
  c.set('facts', { model: model.id })
  const { result } = services.queue.submit({
    model: model.id,
    cost: costOf(model),
    signal: c.req.raw.signal,
    run: (signal) => services.models.use(model, (backend) => work(backend, image, { signal })),
  })
  return jsonAnswer(await result)
}

function findAble(services: Services, ability: 'describePicture' | 'embedPicture'): ServedModel {
  const first = services.models.find(undefined)
  const able = services.models.models.find(({ backend }) => backend[ability] !== undefined)
  if (able) return able
  throw new DiffgentorError(
    'not_offered',
    `The model ${first.id} cannot describe or embed pictures; start the server with a UniDiffuser model.`,
  )
}

/** One picture at the model's size and usual steps. */
function costOf({ backend }: ServedModel): number {
  const { width, height } = backend.capabilities.sizes?.default ?? { width: 512, height: 512 }
  return width * height * (backend.defaults?.numInferenceSteps ?? 1)
}

function nest(values: Float32Array, [channels, height, width]: readonly [number, number, number]): number[][][] {
  const row = (start: number) => [...values.subarray(start, start + width)]
  const plane = (start: number) => Array.from({ length: height }, (_, y) => row(start + y * width))
  return Array.from({ length: channels }, (_, channel) => plane(channel * height * width))
}
