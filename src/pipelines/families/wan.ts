import type { RawPicture } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { tensorToPicture } from '../../images/picture-tensor.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { repairText, unescapeHtml } from '../../tokenizers/index.ts'
import { filmLengths, fixedFrames, WAN_FILMS } from '../folder/films.ts'
import { type Branch, classifierFreeGuidance, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { startImage } from '../start-image.ts'
import type { PrepareRequest } from './family.ts'
import { predictFlow } from './predict-flow.ts'

const TEXT_LENGTH = 512
const USUAL_FRAMES = 81

/** Wan 2.1 (arXiv 2503.20314): films from text, of as many frames as the decoder was exported for, or fewer. */
export const prepareWan: PrepareRequest = async (model, asked) => {
  assertOneExpert(model)
  const frames = chooseFrames(model, asked)
  const job = { ...asked, latentShape: filmShape(asked, frames) }
  const { prompt, negativePrompt = '' } = job.request
  const positive = await encodeText(model, job, prompt, 'prompt')
  const guidance =
    job.guidanceScale > 1
      ? classifierFreeGuidance(await encodeText(model, job, negativePrompt, 'negative_prompt'), positive, job.guidanceScale)
      : withoutGuidance(positive)
  return {
    async begin(noise) {
      const predict = await predictFlow(model, job, { guidance, toTime: (timestep) => timestep })
      return { ...(await startImage(job, noise)), predict }
    },
    toLatents: (latents) => fillFilm(model, latents),
    present: (decoded) => toFilm(decoded, frames),
  }
}

function assertOneExpert({ facts: { folder } }: OpenModel): void {
  const { boundary_ratio: boundary, expand_timesteps: expands } = folder.index
  if (typeof boundary !== 'number' && expands !== true) return
  throw new DiffgentorError(
    'unsupported',
    'The local engine draws with Wan 2.1, not with the experts of Wan 2.2; choose a 2.1 model.',
  )
}

function chooseFrames({ facts }: OpenModel, { request }: DrawingJob): number {
  const { frameMultiple } = WAN_FILMS
  const { fewest, most } = filmLengths(facts.signatures)
  const frames = request.diffusion?.numFrames ?? most ?? USUAL_FRAMES
  if (frames < fewest || frames > (most ?? frames)) {
    throw new DiffgentorError(
      'unsupported',
      `This model was exported for films of ${fewest === most ? most : `up to ${most}`} frames, got ${frames}; export it again for another number.`,
      { field: 'num_frames' },
    )
  }
  if (frames % frameMultiple === 1) return frames
  throw new DiffgentorError('invalid_request', `Films have one frame more than a multiple of ${frameMultiple}, got ${frames}.`, {
    field: 'num_frames',
  })
}

/** Latents [1, C, frames, h, w]. */
function filmShape({ latentShape }: DrawingJob, frames: number): number[] {
  const [count, channels, height, width] = latentShape as [number, number, number, number]
  return [count, channels, (frames - 1) / WAN_FILMS.frameMultiple + 1, height, width]
}

/** Puts zeros behind a film that is shorter than those that the decoder was exported for. */
function fillFilm({ facts }: OpenModel, latents: Tensor): Tensor {
  const exported = fixedFrames(facts.signatures.get('vae_decoder'))
  const [count, channels, frames, height, width] = latents.shape as [number, number, number, number, number]
  const all = exported === undefined ? frames : (exported - 1) / WAN_FILMS.frameMultiple + 1
  if (all === frames) return latents
  const plane = height * width
  const data = new Float32Array(count * channels * all * plane)
  for (let channel = 0; channel < channels; channel++) {
    const film = latents.data.subarray(channel * frames * plane, (channel + 1) * frames * plane)
    data.set(film, channel * all * plane)
  }
  return { data, shape: [count, channels, all, height, width] }
}

async function encodeText(model: OpenModel, job: DrawingJob, text: string, field: string): Promise<Branch> {
  const maxLength = job.request.diffusion?.maxSequenceLength ?? TEXT_LENGTH
  const { states, mask } = await model.sequences.encode(
    { encoder: 'text_encoder', text: cleanText(text), maxLength, padded: true, field },
    job,
  )
  return { feeds: { text: clearPadding(states, mask) } }
}

/** Zeros in place of what the encoder made of padding. */
function clearPadding({ data, shape }: Tensor, mask: readonly number[]): Tensor {
  const width = shape.at(-1)!
  const length = mask.reduce((sum, kept) => sum + kept, 0)
  const cleared = Float32Array.from(data)
  cleared.fill(0, length * width)
  return { data: cleared, shape }
}

/** Repairs a text, reads HTML's ways of writing letters twice as data sets have them, and makes every run of spaces one. */
function cleanText(text: string): string {
  return unescapeHtml(unescapeHtml(repairText(text)))
    .trim()
    .replace(/\s+/g, ' ')
}

/** The first frames of [1, 3, frames, H, W], of −1 … 1, as a film. */
function toFilm({ data, shape }: Tensor, length: number): { picture: RawPicture; frames: RawPicture[] } {
  const [, channels, count, height, width] = shape as [number, number, number, number, number]
  const plane = height * width
  const frames = Array.from({ length }, (_, frame) => {
    const colors = new Float32Array(channels * plane)
    for (let channel = 0; channel < channels; channel++) {
      const from = (channel * count + frame) * plane
      colors.set(data.subarray(from, from + plane), channel * plane)
    }
    return tensorToPicture({ data: colors, shape: [1, channels, height, width] })
  })
  return { picture: frames[0]!, frames }
}
