import { z } from 'zod'
import { parseTopLeft } from '../../../config/value-forms.ts'
import type { DiffusionOptions } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { readEmbeddings, wireEmbedding } from '../../requests/embedding-choice.ts'
import { IP_ADAPTER_FIELDS, readIpAdapter } from '../../requests/ip-adapter.ts'
import { readLoras, wireLora } from '../../requests/lora-choice.ts'
import { readSize } from '../../requests/size-text.ts'
import { wireBoolean, wireInteger, wireJson, wireNumber, wireText, wireWord } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'

/** Our own extensions: the flags of the command line for local models, but for those that name files or folders. */
export const DIFFUSION_FIELDS = z.object({
  scheduler: wireText.describe('Sampler, such as euler_a or dpm++_2m_karras'),
  scheduler_config: wireJson(z.record(z.string(), z.unknown())).describe('Keys put over the model’s scheduler configuration'),
  guidance_rescale: wireNumber(0, 1).describe('Share of the rescaled prediction'),
  clip_skip: wireInteger(0, 100).describe('Layers of the text encoder to leave out at the end'),
  prompt_2: wireText.describe('Prompt of the second text encoder'),
  prompt_3: wireText.describe('Prompt of SD3’s third text encoder'),
  negative_prompt_2: wireText.describe('Negative prompt of the second text encoder'),
  negative_prompt_3: wireText.describe('Negative prompt of SD3’s third text encoder'),
  prompt_syntax: wireWord(['none', 'a1111', 'compel']).describe('How weights in prompts are read'),
  eta: wireNumber(0, 100).describe('DDIM’s share of fresh noise'),
  noise_source: wireWord(['torch-cpu', 'numpy', 'philox']).describe('Whose random numbers start a picture'),
  noise_dtype: wireWord(['float32', 'float16', 'bfloat16']).describe('Precision in which the starting noise is drawn'),
  denoising_start: wireNumber(0, 1).describe('Share of the schedule from which the model takes over'),
  denoising_end: wireNumber(0, 1).describe('Share of the schedule after which the model stops'),
  original_size: wireText.describe('SDXL size conditioning, WIDTHxHEIGHT'),
  target_size: wireText.describe('SDXL target-size conditioning, WIDTHxHEIGHT'),
  crop_top_left: wireText.describe('SDXL crop conditioning, TOP,LEFT'),
  max_sequence_length: wireInteger(1, 65_535).describe('Tokens that the language model of a transformer reads of a prompt'),
  cfg_normalization: wireNumber(0, 1000).describe('Z-Image: how many times longer guidance may make a prediction'),
  cfg_truncation: wireNumber(0, 1).describe('Z-Image: share of the run after which guidance ends'),
  prompt_instruction: wireText.describe('Sana: what the language model is told before the prompt'),
  resolution_binning: wireBoolean.describe('Sana and PixArt: draw at the nearest size of the training, then resize'),
  resize_references: wireBoolean.describe('FLUX Kontext: bring the source to the nearest size of the training'),
  data_type: wireInteger(0, 1).describe('UniDiffuser: 1 draws like the finer part of its training pictures'),
  lora: wireLora,
  embedding: wireEmbedding,
  ...IP_ADAPTER_FIELDS,
})

/** Wishes for local diffusion; undefined where a request has none. */
export async function readDiffusion(
  services: Services,
  fields: z.output<typeof DIFFUSION_FIELDS>,
  isAdmin: boolean,
): Promise<DiffusionOptions | undefined> {
  const loras = await readLoras(services, fields.lora, isAdmin)
  const embeddings = await readEmbeddings(services, fields.embedding, isAdmin)
  const options: DiffusionOptions = {
    scheduler: fields.scheduler,
    schedulerConfig: fields.scheduler_config,
    guidanceRescale: fields.guidance_rescale,
    clipSkip: fields.clip_skip,
    prompt2: fields.prompt_2,
    prompt3: fields.prompt_3,
    negativePrompt2: fields.negative_prompt_2,
    negativePrompt3: fields.negative_prompt_3,
    promptSyntax: fields.prompt_syntax,
    eta: fields.eta,
    noiseSource: fields.noise_source,
    noiseDtype: fields.noise_dtype,
    denoisingStart: fields.denoising_start,
    denoisingEnd: fields.denoising_end,
    originalSize: readSize(fields.original_size, 'original_size'),
    targetSize: readSize(fields.target_size, 'target_size'),
    cropTopLeft: readTopLeft(fields.crop_top_left),
    maxSequenceLength: fields.max_sequence_length,
    cfgNormalization: fields.cfg_normalization,
    cfgTruncation: fields.cfg_truncation,
    promptInstruction: fields.prompt_instruction,
    resolutionBinning: fields.resolution_binning,
    resizeReferences: fields.resize_references,
    dataType: fields.data_type,
    loras: loras.length > 0 ? loras : undefined,
    embeddings: embeddings.length > 0 ? embeddings : undefined,
    ipAdapter: await readIpAdapter(services, fields),
  }
  return Object.values(options).some((value) => value !== undefined) ? options : undefined
}

function readTopLeft(text: string | undefined): { top: number; left: number } | undefined {
  if (text === undefined) return undefined
  const topLeft = parseTopLeft(text)
  if (topLeft) return topLeft
  throw new DiffgentorError('invalid_request', `crop_top_left must be two whole numbers such as "0,0", got "${text}".`, {
    field: 'crop_top_left',
  })
}
