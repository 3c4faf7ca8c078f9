import type { ImageWarning } from '../../contract/index.ts'
import type { NoiseSource } from '../../noise/noise-source.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { joinAxis } from '../channels.ts'
import { shiftForTokens } from '../flow-layout.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import { classifierFreeGuidance, type Guidance, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { type StartedImage, startImage } from '../start-image.ts'
import { gridPositions, packTokens, unpackTokens } from '../tokens.ts'
import type { PreparedRequest, PrepareRequest } from './family.ts'
import { startFluxFill } from './flux-fill.ts'
import { encodeKontextReference } from './flux-kontext.ts'
import { encodeFluxTexts, takesGuidance } from './flux-text.ts'
import { appendTokens, type BesideLatents, predictFlow, widenTokens } from './predict-flow.ts'

/** Latents on a side of a token. */
const TOKEN_SIDE = 2
/** The transformer multiplies its time by 1000 itself. */
const toTime = (timestep: number) => timestep / 1000

const UNUSED_GUIDANCE: ImageWarning = {
  kind: 'ignored',
  field: 'guidance_scale',
  detail: 'guidance_scale is not used: FLUX.1 schnell was distilled to do without.',
}

/** FLUX.1 schnell and dev, from text, from a picture, or repainting a part of one. */
export const prepareFlux: PrepareRequest = async (model, job) => {
  const guidance = await guideFlux(model, job, ownPositions(job))
  return drawFlux(model, job, guidance, async (noise) => ({
    started: await startImage(job, noise, { flow: layOut(job), arrange: toTokens }),
  }))
}

/** FLUX.1 Fill: the masked picture and the mask stand beside the latents in every token. */
export const prepareFluxFill: PrepareRequest = async (model, job) => {
  const guidance = await guideFlux(model, job, ownPositions(job))
  return drawFlux(model, job, guidance, async (noise) => {
    const { run, latents, hidden, mask } = await startFluxFill(job, noise, layOut(job))
    return { started: { run, latents: toTokens(latents) }, beside: widenTokens([toTokens(hidden), toTokens(mask)]) }
  })
}

/** FLUX.1 Kontext (arXiv 2506.15742): the tokens of the source picture stand behind the latents', on a plane of their own. */
export const prepareFluxKontext: PrepareRequest = async (model, job) => {
  const [picture] = job.references
  if (!picture) return await prepareFlux(model, job)
  const reference = await encodeKontextReference(job, picture)
  const [, , height, width] = reference.shape as [number, number, number, number]
  const positions = gridPositions({ rows: height / TOKEN_SIDE, columns: width / TOKEN_SIDE }, 3, 1)
  const guidance = await guideFlux(model, job, joinAxis([ownPositions(job), positions], 0))
  const tokens = toTokens(reference)
  return drawFlux(model, job, guidance, async (noise) => ({
    started: await startImage(job, noise, { flow: layOut(job), arrange: toTokens }),
    beside: appendTokens([tokens]),
  }))
}

function toTokens(grid: Tensor): Tensor {
  return packTokens(grid, TOKEN_SIDE)
}

function ownPositions({ latentShape: [, , height, width] }: DrawingJob): Tensor {
  return gridPositions({ rows: height! / TOKEN_SIDE, columns: width! / TOKEN_SIDE }, 3)
}

function layOut({ schedulerConfig, latentShape: [, , height, width] }: DrawingJob) {
  return { evenSigmas: true, mu: shiftForTokens((height! * width!) / TOKEN_SIDE ** 2, schedulerConfig) }
}

/** The scale that the model was taught is an input; true guidance, with a negative prompt, costs a second run. */
async function guideFlux(model: OpenModel, job: DrawingJob, imageIds: Tensor): Promise<Guidance> {
  const { prompt, negativePrompt, trueCfgScale = 1, diffusion = {} } = job.request
  const isGuided = takesGuidance(model)
  if (!isGuided && (job.request.guidanceScale ?? 0) > 1) job.warn(UNUSED_GUIDANCE)
  const same: DenoiserFeeds = {
    imageIds,
    ...(isGuided ? { guidance: { data: [job.guidanceScale], shape: [1] } } : {}),
  }
  const texts = { clip: prompt, t5: diffusion.prompt2 || prompt }
  const positive = { feeds: { ...(await encodeFluxTexts(model, job, texts, 'prompt')), ...same } }
  if (trueCfgScale <= 1 || negativePrompt === undefined) return withoutGuidance(positive)
  const against = { clip: negativePrompt, t5: diffusion.negativePrompt2 || negativePrompt }
  const negative = { feeds: { ...(await encodeFluxTexts(model, job, against, 'negative_prompt')), ...same } }
  return classifierFreeGuidance(negative, positive, trueCfgScale)
}

interface FluxStart {
  started: Pick<StartedImage, 'run' | 'latents' | 'afterStep'>
  beside?: BesideLatents
}

function drawFlux(
  model: OpenModel,
  job: DrawingJob,
  guidance: Guidance,
  start: (noise: NoiseSource) => Promise<FluxStart>,
): PreparedRequest {
  return {
    async begin(noise) {
      const { started, beside } = await start(noise)
      return { ...started, predict: await predictFlow(model, job, { guidance, toTime, beside }) }
    },
    toLatents: (tokens) => unpackTokens(tokens, job.latentShape, TOKEN_SIDE),
  }
}
