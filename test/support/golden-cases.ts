import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ImageRequest, Size } from '../../src/contract/index.ts'
import { fixturePath } from './fixtures.ts'
import { type NpyArray, readNpy } from './read-npy.ts'

/** A pipeline run that diffusers recorded. */
export interface GoldenCase {
  name: string
  folder: string
  /** Model folder inside the fixtures' `models`. */
  model: string
  pipeline: string
  request: ImageRequest
  /** What diffusers was called with. */
  call: Readonly<Record<string, unknown>>
  loras: readonly { file: string; weight: number }[]
  embeddings: readonly { file: string; token: string }[]
  /** diffusers encodes the one picture with the first generator, so only the first image equals a run alone. */
  onlyFirstImage: boolean
  /** The case whose last latents this one starts from. */
  latentsFrom: string | undefined
}

interface CaseFile {
  name: string
  model: string
  pipeline: string
  call: Record<string, unknown>
  scheduler?: [string, Record<string, unknown>]
  vae?: string
  controlnet?: string
  loras?: { file: string; weight: number }[]
  ti?: { file: string; token: string }[]
  latents_from?: string
  note?: string
}

/** Reads the cases of a goldens folder whose names begin with one of the prefixes. */
export function readGoldenCases(prefixes: readonly string[], root = 'goldens'): GoldenCase[] {
  const folder = fixturePath(root)
  return readdirSync(folder)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)) && existsSync(join(folder, name, 'case.json')))
    .sort()
    .map((name) => readCase(join(folder, name)))
}

function readCase(folder: string): GoldenCase {
  const text = readFileSync(join(folder, 'case.json'), 'utf8')
  const content = JSON.parse(text) as CaseFile
  return {
    name: content.name,
    folder,
    model: content.model,
    pipeline: content.pipeline,
    call: content.call,
    request: toRequest(content, readSeeds(text)),
    loras: content.loras ?? [],
    embeddings: content.ti ?? [],
    onlyFirstImage: content.note?.includes('generator 0 only') ?? false,
    latentsFrom: content.latents_from,
  }
}

/** Seeds may exceed what JSON.parse keeps; only their low 32 bits count. */
function readSeeds(text: string): number[] {
  const list = /"seeds": \[([^\]]*)\]/.exec(text)?.[1] ?? ''
  return list.split(',').map((seed) => Number(BigInt(seed.trim()) % 2n ** 32n))
}

function toRequest({ call, scheduler, vae, controlnet, pipeline, ...content }: CaseFile, seeds: number[]): ImageRequest {
  const isControlled = controlnet !== undefined
  const controlImage = call['control_image'] ?? (isControlled ? call['image'] : undefined)
  const source = isControlled && call['control_image'] === undefined ? undefined : call['image']
  return {
    prompt: String(call['prompt']),
    negativePrompt: call['negative_prompt'] as string | undefined,
    numImages: seeds.length,
    seeds,
    size: sizeOf(call['height'], call['width']),
    numInferenceSteps: call['num_inference_steps'] as number | undefined,
    guidanceScale: call['guidance_scale'] as number | undefined,
    edit: toEdit(source, call),
    diffusion: {
      saveLatents: true,
      scheduler: scheduler?.[0],
      schedulerConfig: scheduler?.[1],
      guidanceRescale: call['guidance_rescale'] as number | undefined,
      clipSkip: call['clip_skip'] as number | undefined,
      prompt2: call['prompt_2'] as string | undefined,
      negativePrompt2: call['negative_prompt_2'] as string | undefined,
      timesteps: call['timesteps'] as number[] | undefined,
      sigmas: call['sigmas'] as number[] | undefined,
      guessMode: call['guess_mode'] as boolean | undefined,
      eta: call['eta'] as number | undefined,
      vae: vae && fixturePath(`models/${vae}`),
      denoisingEnd: call['denoising_end'] as number | undefined,
      denoisingStart: call['denoising_start'] as number | undefined,
      originalSize: pair(call['original_size']),
      targetSize: pair(call['target_size']),
      cropTopLeft: corner(call['crops_coords_top_left']),
      negativeOriginalSize: pair(call['negative_original_size']),
      negativeTargetSize: pair(call['negative_target_size']),
      negativeCropTopLeft: corner(call['negative_crops_coords_top_left']),
      aestheticScore: call['aesthetic_score'] as number | undefined,
      negativeAestheticScore: call['negative_aesthetic_score'] as number | undefined,
      loras: content.loras?.map(({ file, weight }) => ({ path: fixturePath(`lora/${file}`), weight })),
      embeddings: content.ti?.map(({ file, token }) => ({ path: fixturePath(`ti/${file}`), token })),
      controlnets: isControlled ? [toControl(controlnet, controlImage, call, pipeline)] : undefined,
      ipAdapter: toIpAdapter(call),
    },
  }
}

function toEdit(source: unknown, call: CaseFile['call']): ImageRequest['edit'] {
  if (typeof source !== 'string') return undefined
  const mask = call['mask_image']
  return {
    images: [readInput(source)],
    mask: typeof mask === 'string' ? readInput(mask) : undefined,
    strength: call['strength'] as number | undefined,
    imageGuidanceScale: call['image_guidance_scale'] as number | undefined,
  }
}

function toControl(controlnet: string, image: unknown, call: CaseFile['call'], pipeline: string) {
  const usualScale = pipeline.includes('Img2Img') ? 0.8 : 1
  return {
    path: fixturePath(`models/${controlnet}/controlnet`),
    image: readInput(String(image)),
    scale: (call['controlnet_conditioning_scale'] as number | undefined) ?? usualScale,
    start: (call['control_guidance_start'] as number | undefined) ?? 0,
    end: (call['control_guidance_end'] as number | undefined) ?? 1,
  }
}

function toIpAdapter(call: CaseFile['call']) {
  const names = call['ip_adapter_image'] as string[] | undefined
  return names && { images: names.map(readInput), scale: call['ip_adapter_scale'] as number | undefined }
}

/** A picture of the recorded runs; a few of them are smaller than the usual ones. */
function readInput(name: string): Uint8Array {
  const small = fixturePath(`unet-goldens/inputs/${name}`)
  return readFileSync(existsSync(small) ? small : fixturePath(`images/inputs/${name}`))
}

function sizeOf(height: unknown, width: unknown): Size | undefined {
  return typeof height === 'number' && typeof width === 'number' ? { width, height } : undefined
}

/** diffusers gives sizes as (height, width). */
function pair(value: unknown): Size | undefined {
  return Array.isArray(value) ? sizeOf(value[0], value[1]) : undefined
}

function corner(value: unknown): { top: number; left: number } | undefined {
  return Array.isArray(value) ? { top: Number(value[0]), left: Number(value[1]) } : undefined
}

/** One recorded array of a case. */
export function readGolden({ folder }: Pick<GoldenCase, 'folder'>, name: string): NpyArray {
  return readNpy(join(folder, `${name}.npy`))
}

/** The case that another one names. */
export function neighborCase({ folder }: GoldenCase, name: string): GoldenCase {
  return readCase(join(dirname(folder), name))
}
