import type { Size } from '../contract/index.ts'
import type { Recipe } from './recipe.ts'
import { diffusersScheduler, samplerNames } from './sampler-names.ts'

/**
 * The recipe as the text that A1111 and its gallery tools read: the prompt, a line `Negative prompt: …`, and a last line of
 * `Name: value` pairs (stable-diffusion-webui, modules/infotext_utils.py).
 */
export function writeInfotext(recipe: Recipe): string {
  const { sampler, schedule } = samplerNames(recipe.scheduler, recipe.schedulerConfig)
  const { strength, clip_skip, variation_seed, variation_strength, seed_resize_from, mask_fill } = recipe.settings ?? {}
  const pairs: [string, unknown][] = [
    ['Steps', recipe.numInferenceSteps],
    ['Sampler', sampler],
    ['Schedule type', schedule],
    ['CFG scale', recipe.guidanceScale],
    ['Seed', recipe.seed],
    ['Size', recipe.width && recipe.height ? `${recipe.width}x${recipe.height}` : undefined],
    ['Model hash', recipe.modelHash?.slice(0, 10)],
    ['Model', recipe.model],
    ['Variation seed', variation_seed],
    ['Variation seed strength', variation_strength],
    ['Seed resize from', describeSize(seed_resize_from)],
    ['Denoising strength', strength],
    ['Masked content', typeof mask_fill === 'string' ? `latent ${mask_fill}` : undefined],
    // A1111 counts from the last layer, diffusers the layers left out.
    ['Clip skip', typeof clip_skip === 'number' && clip_skip > 0 ? clip_skip + 1 : undefined],
    ['RNG', recipe.seed === undefined ? undefined : 'CPU'],
    ['Version', recipe.version],
  ]
  const given = pairs.filter(([, value]) => value !== undefined)
  const lines = [recipe.prompt]
  if (recipe.negativePrompt) lines.push(`Negative prompt: ${recipe.negativePrompt}`)
  lines.push(given.map(([name, value]) => `${name}: ${quote(String(value))}`).join(', '))
  return lines.join('\n')
}

function describeSize(size: unknown): string | undefined {
  const { width, height } = (size ?? {}) as { width?: unknown; height?: unknown }
  return typeof width === 'number' && typeof height === 'number' ? `${width}x${height}` : undefined
}

function quote(value: string): string {
  return /[,\n:"]/.test(value) ? JSON.stringify(value) : value
}

/** Reads A1111's text; what it does not tell stays absent. Undefined when the last line holds no pairs: not such a text. */
export function parseInfotext(text: string): Recipe | undefined {
  const lines = text.trimEnd().split('\n')
  const pairs = parsePairs(lines.pop() ?? '')
  if (!pairs.has('Steps') && pairs.size < 3) return undefined
  const negativeAt = lines.findIndex((line) => line.startsWith('Negative prompt:'))
  const positive = negativeAt < 0 ? lines : lines.slice(0, negativeAt)
  const negative = negativeAt < 0 ? undefined : lines.slice(negativeAt).join('\n').slice('Negative prompt:'.length).trim()
  const size = readSize(pairs.get('Size'))
  return withoutAbsent({
    prompt: positive.join('\n').trim(),
    negativePrompt: negative,
    seed: readNumber(pairs.get('Seed')),
    width: size?.width,
    height: size?.height,
    model: pairs.get('Model'),
    modelHash: pairs.get('Model hash'),
    ...diffusersScheduler(pairs.get('Sampler'), pairs.get('Schedule type')),
    numInferenceSteps: readNumber(pairs.get('Steps')),
    guidanceScale: readNumber(pairs.get('CFG scale')),
    settings: readSettings(pairs),
    version: pairs.get('Version'),
  })
}

function readSettings(pairs: Map<string, string>): Recipe['settings'] {
  const clipSkip = readNumber(pairs.get('Clip skip'))
  const seedSize = readSize(pairs.get('Seed resize from'))
  const [, fill] = /^latent (noise|nothing)$/.exec(pairs.get('Masked content') ?? '') ?? []
  const settings = {
    strength: readNumber(pairs.get('Denoising strength')),
    clip_skip: clipSkip === undefined ? undefined : clipSkip - 1,
    variation_seed: readNumber(pairs.get('Variation seed')),
    variation_strength: readNumber(pairs.get('Variation seed strength')),
    seed_resize_from: seedSize,
    mask_fill: fill,
  }
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  return given.length === 0 ? undefined : Object.fromEntries(given)
}

function readSize(text: string | undefined): Size | undefined {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(text ?? '') ?? []
  return width === undefined || height === undefined ? undefined : { width: Number(width), height: Number(height) }
}

/** The `Name: value` pairs of A1111's last line. */
export function parsePairs(line: string): Map<string, string> {
  const pairs = new Map<string, string>()
  for (const [, name, value] of line.matchAll(/\s*(\w[\w \-/]*):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/g)) {
    pairs.set(name!, unquote(value!))
  }
  return pairs
}

function unquote(value: string): string {
  if (!value.startsWith('"')) return value.trim()
  try {
    return String(JSON.parse(value))
  } catch {
    return value
  }
}

function readNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined
}

function withoutAbsent(recipe: Recipe): Recipe {
  return Object.fromEntries(Object.entries(recipe).filter(([, value]) => value !== undefined)) as unknown as Recipe
}
