import { DiffgentorError } from '../../../errors.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { decodeFrame, readVideo } from '../../../images/read-video.ts'
import { checkFrames, planFrames } from './plan-frames.ts'
import type { Video, VideoPlan } from './video.ts'

/** The order of a video that goes on where a finished one ends, from its last frame. Throws where the model makes videos from text alone. */
export async function planExtension(
  { plan, size }: Video,
  film: Uint8Array,
  prompt: string,
  seconds: number | undefined,
): Promise<VideoPlan> {
  const { order, framesPerSecond: fps } = plan
  const { edit: begins, video: rule } = order.model.backend.capabilities
  if (!begins || !rule) {
    throw new DiffgentorError(
      'unsupported',
      `The model ${order.model.id} makes videos from text alone, so it cannot go on from one.`,
      { field: 'video' },
    )
  }
  const { frames, notes } = planFrames(rule, { seconds, fps })
  checkFrames(size, frames)
  const beginning = readVideo(film)
  const last = await decodeFrame(beginning, beginning.samples.length - 1)
  const images = [await encodePicture(last, { format: 'png' })]
  const diffusion = { ...order.request.diffusion, numFrames: frames }
  return {
    ...plan,
    order: { ...order, request: { ...order.request, prompt, size, edit: { images }, diffusion } },
    // The first frame that is drawn is the last one of the beginning.
    frames: beginning.samples.length + frames - 1,
    beginning: film,
    notes,
  }
}
