import type { BackendCapabilities, SizeRule } from '../../contract/index.ts'
import type { PictureFormat } from '../../images/sniff-format.ts'

/** What one model of the images API takes. */
export interface OpenAIModel {
  /**
   * `hosted` knows only OpenAI's own fields. `compatible` is some other model behind a server that speaks the API: it also gets
   * seed, steps, guidance and negative prompt, under the names that such servers read.
   */
  dialect: 'hosted' | 'compatible'
  /** Whether `response_format` may be sent: GPT image models refuse it and always answer in base64. */
  takesResponseFormat: boolean
  edit: boolean
  maxImagesPerCall: number
  maxInputImages: number
  inputFormats: readonly PictureFormat[]
  sizes: SizeRule | undefined
}

const FORMATS: readonly PictureFormat[] = ['png', 'jpeg', 'webp']
const SQUARE = { width: 1024, height: 1024 }

/** The rule of a model that draws a few sizes only. */
function only(...sizes: string[]): SizeRule {
  const edges = sizes.flatMap((size) => size.split('x').map(Number))
  return { multiple: 1, min: Math.min(...edges), max: Math.max(...edges), only: sizes, default: SQUARE }
}

const GPT_IMAGE: OpenAIModel = {
  dialect: 'hosted',
  takesResponseFormat: false,
  edit: true,
  maxImagesPerCall: 10,
  maxInputImages: 16,
  inputFormats: FORMATS,
  sizes: undefined,
}
const GPT_IMAGE_1: OpenAIModel = { ...GPT_IMAGE, sizes: only('1024x1024', '1536x1024', '1024x1536') }
const GPT_IMAGE_2: OpenAIModel = { ...GPT_IMAGE, sizes: { multiple: 16, min: 16, max: 3840, default: SQUARE } }

const DALL_E_2: OpenAIModel = {
  ...GPT_IMAGE,
  takesResponseFormat: true,
  maxInputImages: 1,
  inputFormats: ['png'],
  sizes: only('256x256', '512x512', '1024x1024'),
}
const DALL_E_3: OpenAIModel = {
  ...DALL_E_2,
  edit: false,
  maxImagesPerCall: 1,
  sizes: only('1024x1024', '1792x1024', '1024x1792'),
}

// One picture a call, so that each picture has the seed that was meant for it.
const COMPATIBLE: OpenAIModel = { ...GPT_IMAGE, dialect: 'compatible', takesResponseFormat: true, maxImagesPerCall: 1 }

/** What is known of a model by its name; behind OpenAI's own address every unknown one is taken for a GPT image model. */
export function findOpenAIModel(model: string, isOpenAI: boolean): OpenAIModel {
  if (/^gpt-image-1(?:$|[.-])/.test(model)) return GPT_IMAGE_1
  if (/^gpt-image-2(?:$|[.-])/.test(model)) return GPT_IMAGE_2
  if (/^(?:chat)?gpt-image-/.test(model)) return GPT_IMAGE
  if (model === 'dall-e-2') return DALL_E_2
  if (model === 'dall-e-3') return DALL_E_3
  return isOpenAI ? GPT_IMAGE : COMPATIBLE
}

/** The backend's capabilities with a model. */
export function describeOpenAIModel(model: OpenAIModel, concurrency: number): BackendCapabilities {
  const isCompatible = model.dialect === 'compatible'
  return {
    generate: true,
    edit: model.edit,
    mask: model.edit,
    negativePrompt: isCompatible,
    seed: isCompatible,
    guidanceScale: isCompatible,
    numInferenceSteps: isCompatible,
    diffusion: false,
    maxImagesPerCall: model.maxImagesPerCall,
    maxInputImages: model.maxInputImages,
    sizes: model.sizes,
    concurrency,
    paid: true,
    announcesSends: true,
  }
}
