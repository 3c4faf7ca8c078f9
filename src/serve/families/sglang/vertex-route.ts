import { z } from 'zod'
import { toDiffgentorError } from '../../../errors.ts'
import { encodeVideo } from '../../../images/encode-video.ts'
import { type DrawOrder, startDrawing } from '../../drawing.ts'
import { Base64Bytes, jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import { describeProblem } from '../../http/problem.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { checkMode } from '../../requests/check-order.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { EDIT_FIELDS } from '../openai/image-fields.ts'
import { readEditPictures } from '../openai/read-edit.ts'
import { readEdit, readGeneration } from '../openai/read-order.ts'
import { checkFrames, planFrames } from '../videos/plan-frames.ts'
import { VIDEO_FIELDS } from '../videos/video-fields.ts'

/** Pictures of one request. */
const MAX_INSTANCES = 64

const PARAMETERS = z.object({
  ...EDIT_FIELDS.pick({ width: true, height: true, seed: true, guidance_scale: true, num_inference_steps: true }).shape,
  ...VIDEO_FIELDS.pick({ num_frames: true, fps: true }).shape,
})

const INSTANCE = z.object({
  prompt: EDIT_FIELDS.shape.prompt.optional(),
  text: EDIT_FIELDS.shape.prompt.optional(),
  image: EDIT_FIELDS.shape.image,
  image_url: EDIT_FIELDS.shape.image,
})

const VERTEX_FIELDS = z.object({
  instances: z.array(z.record(z.string(), z.unknown())).max(MAX_INSTANCES),
  parameters: z.record(z.string(), z.unknown()).optional(),
})

const PREDICTIONS = z.object({
  predictions: z.array(z.union([z.object({ output: z.string() }), z.object({ error: z.string() })])),
})

export function registerVertex(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'post',
      path: '/vertex_generate',
      tag: 'SGLang',
      summary: 'Draw a picture, or a video, for each instance',
      description: 'The call of Vertex AI. One instance after the other waits in the queue; what fails is told in its place.',
      json: VERTEX_FIELDS,
      example: { instances: [{ prompt: 'a red apple' }], parameters: { seed: 42 } },
      answers: [{ status: 200, description: 'PNG or MP4 files as base64, in order', schema: PREDICTIONS }],
    },
    async (c) => {
      const { instances, parameters = {} } = parseFields(VERTEX_FIELDS, await readJsonFields(c, services.limits.maxBody))
      const shared = parseFields(PARAMETERS, parameters)
      const predictions: object[] = []
      for (const instance of instances) predictions.push(await predict(services, c, instance, shared))
      return jsonAnswer({ predictions })
    },
  )
}

async function predict(
  services: Services,
  c: ServerContext,
  instance: Record<string, unknown>,
  parameters: z.output<typeof PARAMETERS>,
): Promise<object> {
  const { signal } = c.req.raw
  signal.throwIfAborted()
  try {
    const order = await readInstance(services, c, instance, parameters)
    const video = parameters.num_frames === undefined ? undefined : order.model.backend.capabilities.video
    const plan = video && planFrames(video, parameters)
    if (plan && order.request.size) checkFrames(order.request.size, plan.frames)
    const diffusion = plan && { ...order.request.diffusion, numFrames: plan.frames }
    const framed = plan ? { ...order, request: { ...order.request, diffusion } } : order
    const [image] = (await startDrawing(services, framed, { signal }).drawing).images
    const { frames, bytes, recipe } = image!
    if (!plan || !frames) return { output: new Base64Bytes(bytes) }
    return { output: new Base64Bytes(await encodeVideo(frames, { framesPerSecond: plan.framesPerSecond, recipe, signal })) }
  } catch (thrown) {
    signal.throwIfAborted()
    return { error: describeProblem(toDiffgentorError(thrown)).message }
  }
}

async function readInstance(
  services: Services,
  c: ServerContext,
  instance: Record<string, unknown>,
  parameters: z.output<typeof PARAMETERS>,
): Promise<DrawOrder> {
  const { prompt, text, image, image_url: url } = parseFields(INSTANCE, instance)
  const fields = parseFields(EDIT_FIELDS, { ...parameters, prompt: prompt ?? text })
  const images = [image ?? url ?? []].flat()
  if (images.length === 0) return await readGeneration(services, fields, c.get('isAdmin'))
  checkMode(services, 'edit')
  const body = { fields: {}, images: [], mask: undefined }
  return await readEdit(services, fields, await readEditPictures(services, body, { images }, c.req.raw.signal), c.get('isAdmin'))
}
