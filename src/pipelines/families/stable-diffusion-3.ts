import type { Tensor } from '../../tensor/tensor.ts'
import { joinAxis, zeros } from '../channels.ts'
import { shiftForTokens } from '../flow-layout.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import { classifierFreeGuidance, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { startImage } from '../start-image.ts'
import type { PrepareRequest } from './family.ts'
import { withPlainSyntax } from './plain-syntax.ts'
import { predictFlow } from './predict-flow.ts'

const USUAL_TEXT_LENGTH = 256

/** Stable Diffusion 3 and 3.5 (arXiv 2403.03206): two CLIP encoders, T5 where the folder has it. */
export const prepareStableDiffusion3: PrepareRequest = async (model, job) => {
  const { prompt, negativePrompt = '', diffusion = {} } = job.request
  // As in diffusers, an empty text of a further encoder is none.
  const encode = (texts: Texts, field: string) => encodeTexts(model, job, texts, field)
  const positive = {
    feeds: await encode([prompt, diffusion.prompt2 || prompt, diffusion.prompt3 || prompt], 'prompt'),
  }
  const negativeTexts: Texts = [
    negativePrompt,
    diffusion.negativePrompt2 || negativePrompt,
    diffusion.negativePrompt3 || negativePrompt,
  ]
  const guidance =
    job.guidanceScale > 1
      ? classifierFreeGuidance({ feeds: await encode(negativeTexts, 'negative_prompt') }, positive, job.guidanceScale)
      : withoutGuidance(positive)
  return {
    async begin(noise) {
      const started = await startImage(job, noise, { flow: { mu: shiftOf(job) } })
      return { ...started, predict: await predictFlow(model, job, { guidance, toTime: (timestep) => timestep }) }
    },
  }
}

type Texts = readonly [first: string, second: string, third: string]

/** CLIP's states before the last layer side by side and filled up with zeros, then T5's behind them; the pooled projections of both CLIPs. */
async function encodeTexts(
  model: OpenModel,
  job: DrawingJob,
  [first, second, third]: Texts,
  field: string,
): Promise<DenoiserFeeds> {
  const wish = { state: 1 + (field === 'prompt' ? (job.request.diffusion?.clipSkip ?? 0) : 0), pooled: true }
  const clip = (encoder: ComponentName, text: string) =>
    model.prompts.encode({ encoder, text, wish, field }, withPlainSyntax(job))
  const a = await clip('text_encoder', first)
  const b = await clip('text_encoder_2', second)
  const maxLength = job.request.diffusion?.maxSequenceLength ?? USUAL_TEXT_LENGTH
  const t5 = model.facts.signatures.has('text_encoder_3')
    ? (await model.sequences.encode({ encoder: 'text_encoder_3', text: third, maxLength, padded: true, field }, job)).states
    : undefined
  const width = t5?.shape[2] ?? textWidth(model)
  const states = fillWidth(joinAxis([a.states, b.states], 2), width)
  return { text: joinAxis([states, t5 ?? zeros([1, maxLength, width])], 1), pooled: joinAxis([a.pooled!, b.pooled!], 1) }
}

/** Width of the text that the transformer takes. */
function textWidth({ facts }: OpenModel): number {
  const told = facts.folder.configs.get('transformer')?.['joint_attention_dim']
  return typeof told === 'number' ? told : 4096
}

function fillWidth(states: Tensor, width: number): Tensor {
  const [, tokens, given] = states.shape as [number, number, number]
  return width > given ? joinAxis([states, zeros([1, tokens, width - given])], 2) : states
}

function shiftOf({ scheduler, schedulerConfig, latentShape }: DrawingJob): number | undefined {
  if (scheduler.config['use_dynamic_shifting'] !== true) return undefined
  return shiftForTokens((latentShape[2]! / 2) * (latentShape[3]! / 2), schedulerConfig)
}
