import { zeros } from '../channels.ts'
import { findInput } from '../folder/denoiser-inputs.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { withPlainSyntax } from './plain-syntax.ts'

/** Guided models read 512 tokens, FLUX.1 schnell was trained on 256. */
const USUAL_TEXT_LENGTH = { guided: 512, schnell: 256 }

export interface FluxTexts {
  clip: string
  t5: string
}

/** CLIP's pooled state and T5's states for FLUX.1, with their positions, which are all zero. */
export async function encodeFluxTexts(
  model: OpenModel,
  job: DrawingJob,
  texts: FluxTexts,
  field: string,
): Promise<DenoiserFeeds> {
  const usual = takesGuidance(model) ? USUAL_TEXT_LENGTH.guided : USUAL_TEXT_LENGTH.schnell
  const maxLength = job.request.diffusion?.maxSequenceLength ?? usual
  const wish = { state: 'last', pooled: true } as const
  const { pooled } = await model.prompts.encode({ encoder: 'text_encoder', text: texts.clip, wish, field }, withPlainSyntax(job))
  const { states } = await model.sequences.encode(
    { encoder: 'text_encoder_2', text: texts.t5, maxLength, padded: true, field },
    job,
  )
  return { text: states, pooled: pooled!, textIds: zeros([states.shape[1]!, 3]) }
}

/** Whether the transformer takes the guidance scale as an input: dev, Fill and Kontext do, schnell does not. */
export function takesGuidance({ facts }: OpenModel): boolean {
  return findInput(facts.signatures.get('transformer')!, 'guidance') !== undefined
}
