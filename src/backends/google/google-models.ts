import type { BackendCapabilities } from '../../contract/index.ts'

/** What one of Google's picture models takes. */
export interface GoogleModel {
  /** `gemini` answers generateContent, one picture a call; `imagen` answers predict. */
  family: 'gemini' | 'imagen'
  /** Aspect ratios, as `W:H`. */
  ratios: readonly string[]
  /** Size classes, small to large; a single one is not sent. */
  sizeClasses: readonly SizeClass[]
  maxImagesPerCall: number
  maxInputImages: number
}

export type SizeClass = '1K' | '2K' | '4K'

const RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '4:5', '5:4', '9:16', '16:9', '21:9']
const NARROW_RATIOS = ['1:4', '4:1', '1:8', '8:1']
const IMAGEN_RATIOS = ['1:1', '3:4', '4:3', '9:16', '16:9']

const GEMINI: GoogleModel = {
  family: 'gemini',
  ratios: RATIOS,
  sizeClasses: ['1K', '2K', '4K'],
  maxImagesPerCall: 1,
  maxInputImages: 14,
}
const IMAGEN: GoogleModel = {
  family: 'imagen',
  ratios: IMAGEN_RATIOS,
  sizeClasses: ['1K', '2K'],
  maxImagesPerCall: 4,
  maxInputImages: 0,
}

/** What is known of a model by its name. */
export function findGoogleModel(model: string): GoogleModel {
  const name = model.replace(/^models\//, '')
  if (name.startsWith('imagen-')) return /-fast-|^imagen-3/.test(name) ? { ...IMAGEN, sizeClasses: ['1K'] } : IMAGEN
  if (name.startsWith('gemini-2.')) return { ...GEMINI, sizeClasses: ['1K'] }
  if (name.startsWith('gemini-3.1-flash-lite-')) return { ...GEMINI, ratios: [...RATIOS, ...NARROW_RATIOS], sizeClasses: ['1K'] }
  if (name.startsWith('gemini-3.1-')) return { ...GEMINI, ratios: [...RATIOS, ...NARROW_RATIOS] }
  return GEMINI
}

/** The backend's capabilities with a model. */
export function describeGoogleModel(model: GoogleModel, concurrency: number): BackendCapabilities {
  return {
    generate: true,
    edit: model.family === 'gemini',
    mask: false,
    negativePrompt: false,
    // The API takes a seed (`--extra seed=…`) and promises nothing about it.
    seed: false,
    guidanceScale: false,
    numInferenceSteps: false,
    diffusion: false,
    maxImagesPerCall: model.maxImagesPerCall,
    maxInputImages: model.maxInputImages,
    concurrency,
    paid: true,
    announcesSends: true,
  }
}
