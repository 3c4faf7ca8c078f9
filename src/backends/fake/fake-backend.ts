import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { BackendSettings } from '../../config/settings.ts'
import type {
  BackendCapabilities,
  CallContext,
  GeneratedImage,
  ImageBackend,
  ImageRequest,
  ImageResult,
  RawPicture,
  Size,
} from '../../contract/index.ts'
import { DiffgentorError, ERROR_TRAITS, type ErrorCode } from '../../errors.ts'
import { readPictureHeader } from '../../images/decode-picture.ts'

const CAPABILITIES: BackendCapabilities = {
  generate: true,
  edit: true,
  mask: true,
  negativePrompt: true,
  seed: true,
  guidanceScale: true,
  numInferenceSteps: true,
  diffusion: true,
  maxImagesPerCall: 16,
  maxInputImages: 16,
  sizes: { multiple: 1, min: 1, max: 4096, default: { width: 64, height: 64 } },
  video: { frameMultiple: 4, minFrames: 5, maxFrames: 257, framesPerSecond: 8 },
  concurrency: 16,
  paid: false,
}

const DEFAULT_STEPS = 4
const DEFAULT_GUIDANCE = 1

/**
 * Draws made-up pictures: the same request and seed always give the same pixels. Words in brackets in the prompt make it
 * misbehave, for tests: `[fail:CODE]` fails, `[fail:CODE:2]` fails the first two times, `[delay:MS]` takes that long,
 * `[flat]` draws one flat color, `[hang]` never ends until it is cancelled.
 */
export class FakeBackend implements ImageBackend {
  readonly name = 'fake'
  readonly capabilities = CAPABILITIES
  readonly defaults = { numInferenceSteps: DEFAULT_STEPS, guidanceScale: DEFAULT_GUIDANCE }
  readonly modelId: string
  readonly #failures = new Map<string, number>()

  constructor(modelId: string) {
    this.modelId = modelId
  }

  async run(request: ImageRequest, context: CallContext): Promise<ImageResult> {
    context.signal.throwIfAborted()
    context.onProgress?.({ phase: 'start' })
    context.signal.throwIfAborted()
    await this.#misbehave(request.prompt, context.signal)
    const size = request.size ?? (await sizeOfSource(request)) ?? CAPABILITIES.sizes!.default
    const totalSteps = request.numInferenceSteps ?? DEFAULT_STEPS
    const images: GeneratedImage[] = []
    for (let image = 0; image < request.numImages; image++) {
      const seed = request.seeds?.[image] ?? image
      const frames = drawFrames(request, seed, size)
      const picture = frames[0]!
      for (let step = 1; step <= totalSteps; step++) {
        context.onProgress?.({ phase: 'step-end', image, step, totalSteps })
        if (context.previewEvery && step % context.previewEvery === 0 && step < totalSteps) {
          context.onProgress?.({ phase: 'preview', image, step, picture })
        }
      }
      images.push({ picture, frames: frames.length > 1 ? frames : undefined, seed })
    }
    const guidanceScale = request.guidanceScale ?? DEFAULT_GUIDANCE
    return {
      images,
      warnings: [],
      recipe: { backend: this.name, model: this.modelId, numInferenceSteps: totalSteps, guidanceScale },
    }
  }

  async #misbehave(prompt: string, signal: AbortSignal): Promise<void> {
    const delay = /\[delay:(\d+)\]/.exec(prompt)
    if (delay) await wait(Number(delay[1]), undefined, { signal })
    if (prompt.includes('[hang]')) await wait(2 ** 31 - 1, undefined, { signal })
    const failure = /\[fail:([a-z_]+)(?::(\d+))?\]/.exec(prompt)
    if (!failure?.[1] || !(failure[1] in ERROR_TRAITS)) return
    const times = this.#failures.get(prompt) ?? 0
    if (failure[2] !== undefined && times >= Number(failure[2])) return
    this.#failures.set(prompt, times + 1)
    throw new DiffgentorError(failure[1] as ErrorCode, `The prompt asked the fake backend to fail with ${failure[1]}.`)
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** An edit without a size keeps its source's. */
async function sizeOfSource({ edit }: ImageRequest): Promise<Size | undefined> {
  const first = edit?.images[0]
  if (!first) return undefined
  const { width, height } = await readPictureHeader(first)
  return { width, height }
}

/** Everything that shapes the picture, as one text. */
function describe(request: ImageRequest, seed: number): string {
  // What is not given counts as its default, so that a request with the defaults spelled out draws the same.
  const { prompt, negativePrompt, guidanceScale = DEFAULT_GUIDANCE, numInferenceSteps = DEFAULT_STEPS, edit } = request
  const sources = [...(edit?.images ?? []), ...(edit?.mask ? [edit.mask] : [])]
  const digests = sources.map((bytes) => createHash('sha256').update(bytes).digest('hex'))
  return JSON.stringify([prompt, negativePrompt, guidanceScale, numInferenceSteps, edit?.strength, digests, seed])
}

/** Every frame has colors of its own; the first is the picture that the same request draws without frames. */
function drawFrames(request: ImageRequest, seed: number, { width, height }: Size): RawPicture[] {
  const text = describe(request, seed)
  const isFlat = request.prompt.includes('[flat]')
  return Array.from({ length: request.diffusion?.numFrames ?? 1 }, (_, frame) =>
    draw(frame === 0 ? text : `${text}${frame}`, width, height, isFlat),
  )
}

/** Two colors taken from a hash, blended across the picture. */
function draw(text: string, width: number, height: number, isFlat: boolean): RawPicture {
  const digest = createHash('sha256').update(text).digest()
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const share = isFlat ? 0 : (x + y) / Math.max(1, width + height - 2)
      for (let channel = 0; channel < 3; channel++, at++) {
        pixels[at] = Math.round(digest[channel]! * (1 - share) + (digest[channel]! ^ 0xff) * share)
      }
    }
  }
  return { kind: 'raw', pixels, width, height, channels: 3 }
}

/** Opens the fake backend; any model name will do. */
export async function openFakeBackend(settings: BackendSettings): Promise<ImageBackend> {
  return new FakeBackend(settings.modelName ?? 'fake')
}
