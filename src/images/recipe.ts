import { basename, isAbsolute } from 'node:path'
import type { ResolvedRecipe, Size } from '../contract/index.ts'

/** What a file says about how its picture was made: enough to make it again, and nothing about when, where or by whom. */
export interface Recipe {
  prompt: string
  negativePrompt?: string | undefined
  /** The prompt as the provider rewrote it. */
  revisedPrompt?: string | undefined
  seed?: number | undefined
  /** Pixels of the picture in the file. */
  width?: number | undefined
  height?: number | undefined
  backend?: string | undefined
  model?: string | undefined
  /** SHA-256 of the model's files; the first ten digits or another tool's own hash in files of other tools. */
  modelHash?: string | undefined
  family?: string | undefined
  scheduler?: string | undefined
  schedulerConfig?: Readonly<Record<string, unknown>> | undefined
  numInferenceSteps?: number | undefined
  guidanceScale?: number | undefined
  /** Everything else that shaped the picture, by its flag's name. */
  settings?: Readonly<Record<string, unknown>> | undefined
  /** SHA-256 of each source picture's file, in order, and of the mask's. */
  sourceHashes?: readonly string[] | undefined
  maskHash?: string | undefined
  /** The program that drew it: `diffgentor 1.2.3`. */
  version?: string | undefined
}

/** One picture's part of a finished request. */
export interface RecipeFacts {
  result: ResolvedRecipe
  prompt: string
  negativePrompt?: string | undefined
  revisedPrompt?: string | undefined
  seed?: number | undefined
  size: Size
  sourceHashes?: readonly string[] | undefined
  maskHash?: string | undefined
  /** Of diffgentor: `1.2.3`. */
  version: string
}

/** Puts together the recipe of one picture. A model given by an absolute path is told by its folder's name. */
export function buildRecipe({ result, size, version, ...facts }: RecipeFacts): Recipe {
  return {
    prompt: facts.prompt,
    negativePrompt: facts.negativePrompt,
    revisedPrompt: facts.revisedPrompt,
    seed: facts.seed,
    width: size.width,
    height: size.height,
    backend: result.backend,
    model: isAbsolute(result.model) ? basename(result.model) : result.model,
    modelHash: result.modelHash,
    family: result.family,
    scheduler: result.scheduler,
    schedulerConfig: result.schedulerConfig,
    numInferenceSteps: result.numInferenceSteps,
    guidanceScale: result.guidanceScale,
    settings: result.settings,
    sourceHashes: facts.sourceHashes,
    maskHash: facts.maskHash,
    version: `diffgentor ${version}`,
  }
}

/** Names in the stored JSON, in the order in which they are written, so that equal recipes are equal bytes. */
const JSON_NAMES = {
  prompt: 'prompt',
  negativePrompt: 'negative_prompt',
  revisedPrompt: 'revised_prompt',
  seed: 'seed',
  width: 'width',
  height: 'height',
  backend: 'backend',
  model: 'model',
  modelHash: 'model_hash',
  family: 'family',
  scheduler: 'scheduler',
  schedulerConfig: 'scheduler_config',
  numInferenceSteps: 'num_inference_steps',
  guidanceScale: 'guidance_scale',
  settings: 'settings',
  sourceHashes: 'source_hashes',
  maskHash: 'mask_hash',
  version: 'version',
} as const satisfies Record<keyof Recipe, string>

/** The recipe as JSON in plain ASCII, which every container can hold. */
export function serializeRecipe(recipe: Recipe): string {
  const entries = Object.entries(JSON_NAMES).map(([key, name]) => [name, recipe[key as keyof Recipe]])
  const json = JSON.stringify(Object.fromEntries(entries))
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Reads the JSON back; undefined when it is not a recipe. Fields of the wrong type are left out: files come from anywhere. */
export function parseRecipe(json: string): Recipe | undefined {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    return undefined
  }
  if (!isRecord(value) || typeof value.prompt !== 'string') return undefined
  const recipe: Record<string, unknown> = {}
  for (const [key, name] of Object.entries(JSON_NAMES)) {
    if (hasTypeOf(key as keyof Recipe, value[name])) recipe[key] = value[name]
  }
  return recipe as unknown as Recipe
}

function hasTypeOf(key: keyof Recipe, value: unknown): boolean {
  switch (key) {
    case 'seed':
    case 'width':
    case 'height':
    case 'numInferenceSteps':
    case 'guidanceScale':
      return typeof value === 'number'
    case 'schedulerConfig':
    case 'settings':
      return isRecord(value)
    case 'sourceHashes':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
    default:
      return typeof value === 'string'
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
