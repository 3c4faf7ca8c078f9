import { shiftForTokens } from '../flow-layout.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import { type Guidance, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { startImage } from '../start-image.ts'
import { packTokens, type TokenGrid, unpackTokens } from '../tokens.ts'
import type { PreparedRequest, PrepareRequest } from './family.ts'
import { appendTokens, predictFlow } from './predict-flow.ts'
import { prepareEditInput } from './qwen/edit-input.ts'
import { encodePrompt } from './qwen/encode-prompt.ts'
import type { PicturesToKeep, PromptStates } from './qwen/prompt-states.ts'
import { guideKeepingLengths } from './qwen/rescaled-guidance.ts'
import { placeImageTokens, placeTextTokens } from './qwen/token-places.ts'

const TOKEN_SIDE = 2
const TRAINED_TIMESTEPS = 1000

/** Qwen-Image (arXiv 2508.02324): Qwen2.5-VL reads the prompt; guidance is true guidance, and only with a negative prompt. */
export const prepareQwenImage: PrepareRequest = async (model, job) => {
  return await prepareTokens(model, job, (text, field) => encodePrompt(model, job, text, field), NO_PICTURES)
}

/** Qwen-Image-Edit and Edit-Plus: Qwen2.5-VL sees the pictures as well, and their latents stand behind those of the result. */
export const prepareQwenImageEdit: PrepareRequest = async (model, job) => {
  const { encode, pictures } = await prepareEditInput(model, job)
  return await prepareTokens(model, job, encode, pictures)
}

const NO_PICTURES: PicturesToKeep = { tokens: [], grids: [] }

async function prepareTokens(
  model: OpenModel,
  job: DrawingJob,
  encode: (text: string, field: string) => Promise<PromptStates>,
  pictures: PicturesToKeep,
): Promise<PreparedRequest> {
  const { latentShape, request } = job
  const own: TokenGrid = { rows: latentShape[2]! / TOKEN_SIDE, columns: latentShape[3]! / TOKEN_SIDE }
  const grids = [own, ...pictures.grids]
  const imageIds = placeImageTokens(grids)
  const branch = async (text: string, field: string) => {
    const { states, length } = await encode(text, field)
    const textMask = { data: new Array<number>(length).fill(1), shape: [1, length] }
    const feeds: DenoiserFeeds = { text: states, textMask, imageIds, textIds: placeTextTokens(length, grids) }
    return { feeds }
  }
  const positive = await branch(request.prompt, 'prompt')
  const scale = request.trueCfgScale ?? job.guidanceScale
  const isGuided = scale > 1 && request.negativePrompt !== undefined
  const guidance: Guidance = isGuided
    ? {
        branches: [await branch(request.negativePrompt!, 'negative_prompt'), positive],
        combine: ([without, within]) => guideKeepingLengths(without!, within!, scale),
      }
    : withoutGuidance(positive)
  const flow = { evenSigmas: true, givesSolversSigmas: true, mu: shiftForTokens(own.rows * own.columns, job.schedulerConfig) }
  return {
    async begin(noise) {
      const started = await startImage(job, noise, { flow, arrange: (grid) => packTokens(grid, TOKEN_SIDE) })
      const beside = appendTokens(pictures.tokens)
      const toTime = (timestep: number) => timestep / TRAINED_TIMESTEPS
      return { ...started, predict: await predictFlow(model, job, { guidance, toTime, beside }) }
    },
    toLatents: (tokens) => unpackTokens(tokens, latentShape, TOKEN_SIDE),
  }
}
