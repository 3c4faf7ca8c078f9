import type { DrawingJob, OpenModel } from '../../job.ts'
import { keepPrompt, type PromptStates } from './prompt-states.ts'
import { TEXT_TEMPLATE } from './templates.ts'

/** Tokens of the prompt that the language model reads, and that the denoiser is given. */
const LONGEST = { read: 1024, kept: 512 }

/** A prompt's states for drawing from text alone. */
export async function encodePrompt(model: OpenModel, job: DrawingJob, text: string, field: string): Promise<PromptStates> {
  const { before, after, leftOut } = TEXT_TEMPLATE
  const { states } = await model.sequences.encode(
    {
      encoder: 'text_encoder',
      text: `${before}${text}${after}`,
      maxLength: LONGEST.read + leftOut,
      padded: false,
      field,
    },
    job,
  )
  return keepPrompt(states, leftOut, job.request.diffusion?.maxSequenceLength ?? LONGEST.kept)
}
