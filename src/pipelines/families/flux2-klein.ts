import type { RawPicture } from '../../contract/index.ts'
import { cropPicture } from '../../images/crop-picture.ts'
import { fitPicture } from '../../images/fit-picture.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { writeQwen3Chat } from '../../tokenizers/index.ts'
import { joinAxis } from '../channels.ts'
import { referencePlan } from '../folder/klein-references.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import { classifierFreeGuidance, type Guidance, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { toSourceTensor } from '../sources.ts'
import { startImage } from '../start-image.ts'
import { gridPositions, packTokens, unpackTokens } from '../tokens.ts'
import type { PrepareRequest } from './family.ts'
import { appendTokens, predictFlow } from './predict-flow.ts'

const TEXT_LENGTH = 512
const ID_COLUMNS = 4
/** Planes of the positions: the picture drawn lies on 0, the references on 10, 20 … */
const PLANE_STEP = 10
const toTime = (timestep: number) => timestep / 1000

/** FLUX.2 klein: Qwen3 reads the text; latents and pictures to look at are tokens of one latent, 2×2 of the VAE's own. */
export const prepareFlux2Klein: PrepareRequest = async (model, job) => {
  const references = []
  for (const picture of job.references) references.push(await encodeReference(job, picture))
  const [, , height, width] = job.latentShape as [number, number, number, number]
  const grids = [{ rows: height, columns: width }, ...references.map(({ shape }) => ({ rows: shape[2]!, columns: shape[3]! }))]
  const imageIds = joinAxis(
    grids.map((grid, i) => gridPositions(grid, ID_COLUMNS, i * PLANE_STEP)),
    0,
  )
  const guidance = await guide(model, job, imageIds)
  const tokens = references.map((reference) => packTokens(reference, 1))
  const flow = { evenSigmas: true, mu: shiftForSteps(height * width, job.numInferenceSteps) }
  return {
    async begin(noise) {
      const started = await startImage(job, noise, { flow, arrange: (grid) => packTokens(grid, 1) })
      return { ...started, predict: await predictFlow(model, job, { guidance, toTime, beside: appendTokens(tokens) }) }
    },
    toLatents: (state) => unpackTokens(state, job.latentShape, 1),
  }
}

/** Large pictures are reduced, then cut in the middle to whole tokens; small ones are not enlarged. */
async function encodeReference(job: DrawingJob, picture: RawPicture): Promise<Tensor> {
  const { resized, crop } = referencePlan(picture)
  const cut = cropPicture(fitPicture(picture, resized), crop)
  return await job.vae.encodeMean(toSourceTensor(cut, crop), job.context)
}

/** Distilled models need no guidance; the base model is guided away from the empty prompt, whatever the negative prompt says. */
async function guide(model: OpenModel, job: DrawingJob, imageIds: Tensor): Promise<Guidance> {
  const positive = { feeds: { ...(await encodeText(model, job, job.request.prompt)), imageIds } }
  if (job.guidanceScale <= 1) return withoutGuidance(positive)
  if (isDistilled(model)) {
    job.warn({
      kind: 'ignored',
      field: 'guidance_scale',
      detail: 'guidance_scale is not used: this model was distilled to do without.',
    })
    return withoutGuidance(positive)
  }
  const negative = { feeds: { ...(await encodeText(model, job, '')), imageIds } }
  return classifierFreeGuidance(negative, positive, job.guidanceScale)
}

function isDistilled({ facts }: OpenModel): boolean {
  return facts.folder.index['is_distilled'] === true
}

async function encodeText(model: OpenModel, job: DrawingJob, prompt: string): Promise<DenoiserFeeds> {
  const maxLength = job.request.diffusion?.maxSequenceLength ?? TEXT_LENGTH
  const text = writeQwen3Chat(prompt, { thinking: false })
  const item = { encoder: 'text_encoder', text, maxLength, padded: true, field: 'prompt' } as const
  const { states } = await model.sequences.encode(item, job)
  const tokens = states.shape[1]!
  const textIds = new Float32Array(tokens * ID_COLUMNS)
  for (let i = 0; i < tokens; i++) textIds[i * ID_COLUMNS + ID_COLUMNS - 1] = i
  return { text: states, textIds: { data: textIds, shape: [tokens, ID_COLUMNS] } }
}

/** The shift that FLUX.2's authors fitted to tokens and steps (`compute_empirical_mu` of diffusers). */
function shiftForSteps(tokens: number, steps: number): number {
  const atMany = 0.00016927 * tokens + 0.45666666
  if (tokens > 4300) return atMany
  const atFew = 8.73809524e-5 * tokens + 1.89833333
  const slope = (atMany - atFew) / 190
  return slope * steps + atMany - 200 * slope
}
