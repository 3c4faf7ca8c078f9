import type { RawPicture, Size } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { cropPicture } from '../../images/crop-picture.ts'
import { enlargePicture } from '../../images/enlarge-picture.ts'
import type { Services } from '../services.ts'
import type { Upscaler } from './upscalers.ts'

/** Graphs enlarge by a factor of their own, so often at most (stable-diffusion-webui, modules/upscaler.py). */
const MAX_PASSES = 3

/** Brings a picture to a size. A graph enlarges it until it is large enough; what is then too large is reduced. */
export async function enlargeToSize(
  services: Services,
  upscaler: Upscaler,
  picture: RawPicture,
  size: Size,
  signal: AbortSignal,
): Promise<RawPicture> {
  if ('filter' in upscaler) return await enlargePicture(picture, size, upscaler.filter)
  let enlarged = picture
  for (let pass = 0; pass < MAX_PASSES && !covers(enlarged, size); pass++) {
    const before = enlarged.width
    enlarged = await runGraph(services, upscaler.graph, enlarged, signal)
    if (enlarged.width <= before) break
  }
  const isDone = enlarged.width === size.width && enlarged.height === size.height
  return isDone ? enlarged : await enlargePicture(enlarged, size, 'lanczos')
}

/** Brings a picture to a size without changing its shape: what stands over is cut off at both sides. */
export async function enlargeToFill(
  services: Services,
  upscaler: Upscaler,
  picture: RawPicture,
  size: Size,
  signal: AbortSignal,
): Promise<RawPicture> {
  const factor = Math.max(size.width / picture.width, size.height / picture.height)
  const enlarged = await enlargeToSize(services, upscaler, picture, scaleSize(picture, factor), signal)
  const left = Math.floor((enlarged.width - size.width) / 2)
  const top = Math.floor((enlarged.height - size.height) / 2)
  return cropPicture(enlarged, { left, top, width: size.width, height: size.height })
}

/** A size times a factor, in whole pixels. */
export function scaleSize({ width, height }: Size, factor: number): Size {
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) }
}

function covers(picture: Size, size: Size): boolean {
  return picture.width >= size.width && picture.height >= size.height
}

/** Runs a graph in the server's queue, on the first model whose engine runs graphs. */
async function runGraph(
  { models, queue }: Services,
  graph: string,
  picture: RawPicture,
  signal: AbortSignal,
): Promise<RawPicture> {
  const model = models.models.find(({ backend }) => backend.enlargePicture !== undefined)
  if (!model) throw new DiffgentorError('not_offered', 'No model of this server runs super-resolution graphs.')
  const { result } = queue.submit({
    // Its pace has nothing to do with that of drawing.
    model: `${model.id} upscaler`,
    cost: picture.width * picture.height,
    signal,
    run: (ending) => models.use(model, (backend) => backend.enlargePicture!(picture, graph, { signal: ending })),
  })
  return await result
}
