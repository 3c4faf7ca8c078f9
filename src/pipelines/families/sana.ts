import { DiffgentorError } from '../../errors.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { joinAxis } from '../channels.ts'
import { findInput } from '../folder/denoiser-inputs.ts'
import { type Branch, classifierFreeGuidance, withoutGuidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { startImage } from '../start-image.ts'
import { binSize } from './binned-size.ts'
import type { PrepareRequest } from './family.ts'
import { predictFlow } from './predict-flow.ts'

const TEXT_LENGTH = 300
const PIXELS_PER_SAMPLE = 32

/** What the language model is told before the prompt, as in training (arXiv 2410.10629 §3.1). */
const INSTRUCTION = [
  "Given a user prompt, generate an 'Enhanced prompt' that provides detailed visual descriptions suitable for image generation. Evaluate the level of detail in the user prompt:",
  '- If the prompt is simple, focus on adding specifics about colors, shapes, sizes, textures, and spatial relationships to create vivid and concrete scenes.',
  '- If the prompt is already detailed, refine and enhance the existing details slightly without overcomplicating.',
  'Here are examples of how to transform or refine prompts:',
  '- User Prompt: A cat sleeping -> Enhanced: A small, fluffy white cat curled up in a round shape, sleeping peacefully on a warm sunny windowsill, surrounded by pots of blooming red flowers.',
  '- User Prompt: A busy city street -> Enhanced: A bustling city street scene at dusk, featuring glowing street lamps, a diverse crowd of people in colorful clothing, and a double-decker bus passing by towering glass skyscrapers.',
  'Please generate only the enhanced description for the prompt below and avoid including any additional commentary or evaluations:',
  'User Prompt: ',
].join('\n')

/** Sana (arXiv 2410.10629): Gemma reads an instruction and the prompt, of which the last tokens count. */
export const prepareSana: PrepareRequest = async (model, asked) => {
  assertNotSprint(model)
  const { job, present } = binSize(model, asked, { pixelsPerSample: PIXELS_PER_SAMPLE, tokenSide: 1 })
  const { prompt, negativePrompt = '', diffusion } = job.request
  const positive = await encodeText(model, job, prompt, 'prompt', diffusion?.promptInstruction ?? INSTRUCTION)
  const guidance =
    job.guidanceScale > 1
      ? classifierFreeGuidance(await encodeText(model, job, negativePrompt, 'negative_prompt', ''), positive, job.guidanceScale)
      : withoutGuidance(positive)
  const scale = model.facts.folder.configs.get('transformer')?.['timestep_scale']
  const toTime = (timestep: number) => timestep * (typeof scale === 'number' ? scale : 1)
  return {
    async begin(noise) {
      return { ...(await startImage(job, noise)), predict: await predictFlow(model, job, { guidance, toTime }) }
    },
    present,
  }
}

function assertNotSprint({ facts }: OpenModel): void {
  const isSprint = findInput(facts.signatures.get('transformer')!, 'guidance') !== undefined
  if (!isSprint && facts.schedulerConfig['_class_name'] !== 'SCMScheduler') return
  throw new DiffgentorError('unsupported', 'The local engine draws with Sana, not with Sana Sprint; choose a Sana model.')
}

/** The states of the start token and of the last tokens, padding included. */
async function encodeText(model: OpenModel, job: DrawingJob, text: string, field: string, instruction: string): Promise<Branch> {
  const length = job.request.diffusion?.maxSequenceLength ?? TEXT_LENGTH
  const tokenizer = await model.sequences.tokenizer('text_encoder')
  const added = instruction === '' ? 0 : tokenizer.encode(instruction).ids.length - 2
  const { states, mask } = await model.sequences.encode(
    {
      encoder: 'text_encoder',
      text: `${instruction}${text.toLowerCase().trim()}`,
      maxLength: length + added,
      padded: true,
      field,
    },
    job,
  )
  const last = 1 - length
  const textMask = { data: [mask[0]!, ...mask.slice(last)], shape: [1, length] }
  return { feeds: { text: keepEnds(states, length), textMask } }
}

/** The first state and the last ones, `count` together. */
function keepEnds({ data, shape }: Tensor, count: number): Tensor {
  const [, tokens = 0, width = 0] = shape
  if (tokens === count) return { data, shape }
  const first = { data: data.subarray(0, width), shape: [1, 1, width] }
  const last = { data: data.subarray((tokens - count + 1) * width), shape: [1, count - 1, width] }
  return joinAxis([first, last], 1)
}
