import type { CallContext, GeneratedImage, ImageRequest, ImageWarning } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { tensorToPicture } from '../images/picture-tensor.ts'
import { createNoiseSource } from '../noise/noise-source.ts'
import { encodeNpy } from '../tensor/npy.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { NO_ADAPTERS } from './adapter-plan.ts'
import { denoise } from './denoise.ts'
import { describeFacts } from './describe-model.ts'
import type { PreparedRequest } from './families/family.ts'
import { findFamily } from './families/index.ts'
import { openDenoiser } from './families/predict-guided.ts'
import type { DrawingJob, OpenModel } from './job.ts'
import type { ModelDescription, Pipeline, PipelineFamily, PipelineResult } from './pipeline.ts'
import { describeRecipe } from './recipe.ts'
import { resolveJob } from './resolve-job.ts'

/** A diffusion model with one UNet. */
export class DiffusionPipeline implements Pipeline {
  readonly family: PipelineFamily
  readonly description: ModelDescription
  readonly #model: OpenModel

  constructor(model: OpenModel) {
    this.#model = model
    this.family = model.facts.family
    this.description = describeFacts(model.facts)
  }

  get runtimeMs(): number {
    return this.#model.store.runtimeMs
  }

  async run(request: ImageRequest, context: CallContext): Promise<PipelineResult> {
    context.signal.throwIfAborted()
    context.onProgress?.({ phase: 'start' })
    const adapters = await this.#model.adapters.plan(request.diffusion ?? {})
    const warnings = new WarningList([...this.#model.facts.warnings, ...adapters.warnings])
    const job = await resolveJob(this.#model, {
      request,
      context,
      adapters,
      vae: this.#model.vae,
      warn: (warning) => warnings.add(warning),
    })
    const prepared = await findFamily(this.family)(this.#model, job)
    const images: GeneratedImage[] = []
    for (const [index, seed] of seedsOf(request).entries()) images.push(await drawImage(job, prepared, { index, seed }))
    return { images, warnings: warnings.list, recipe: describeRecipe(this.family, job) }
  }

  async warmUp(context: CallContext): Promise<void> {
    const { facts, prompts, vae } = this.#model
    const encoders = facts.traits.components.filter((name) => name.startsWith('text_encoder'))
    for (const encoder of encoders) await prompts.load(encoder, { adapters: NO_ADAPTERS, context })
    await openDenoiser(this.#model, { adapters: NO_ADAPTERS, context })
    await vae.warmUp(context)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.store[Symbol.asyncDispose]()
  }
}

/** Warnings of one request, each once. */
class WarningList {
  readonly list: ImageWarning[]

  constructor(first: readonly ImageWarning[]) {
    this.list = [...first]
  }

  add(warning: ImageWarning): void {
    const isKnown = this.list.some(({ field, detail }) => field === warning.field && detail === warning.detail)
    if (!isKnown) this.list.push(warning)
  }
}

function seedsOf({ seeds, numImages }: ImageRequest): readonly number[] {
  if (seeds?.length === numImages) return seeds
  throw new DiffgentorError('internal', `A pipeline needs one seed for each of ${numImages} images, got ${seeds?.length ?? 0}.`)
}

/** One image with its own generator and its own way through the schedule. */
async function drawImage(
  job: DrawingJob,
  prepared: PreparedRequest,
  { index, seed }: { index: number; seed: number },
): Promise<GeneratedImage> {
  const { context, request, vae } = job
  context.signal.throwIfAborted()
  const { noiseSource = 'torch-cpu', noiseDtype = 'float32', saveLatents = false } = request.diffusion ?? {}
  const noise = createNoiseSource({ source: noiseSource, seed, dtype: noiseDtype })
  const start = await prepared.begin(noise)
  const latents = await denoise(start, context.signal, async ({ index: step, total }) => {
    context.onProgress?.({ phase: 'step-end', image: index, step: step + 1, totalSteps: total })
  })
  assertNumbers(latents)
  const picture = tensorToPicture(await vae.decode(latents, context))
  return saveLatents ? { picture, seed, latents: encodeNpy(latents) } : { picture, seed }
}

function assertNumbers({ data }: Tensor): void {
  if (data.every(Number.isFinite)) return
  throw new DiffgentorError(
    'nan_output',
    'The denoiser gave values that are not numbers, as half-precision models do when they overflow; use a float32 export or other settings.',
  )
}
