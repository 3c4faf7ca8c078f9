import type { CallContext, GeneratedImage, ImageRequest, ImageWarning, RawPicture } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { NO_ADAPTERS } from './adapter-plan.ts'
import { describeFacts } from './describe-model.ts'
import { drawImage, type Stage } from './draw-image.ts'
import { findFamily } from './families/index.ts'
import { openDenoiser } from './families/predict-guided.ts'
import { listIgnoredWishes } from './ignored-wishes.ts'
import type { DrawingJob, OpenModel } from './job.ts'
import { openOtherVae } from './other-vae.ts'
import type { ModelDescription, PictureReader, Pipeline, PipelineFamily, PipelineResult } from './pipeline.ts'
import { describeRecipe } from './recipe.ts'
import { leaveRestToRefiner, toRefinerJob } from './refiner.ts'
import { resolveJob } from './resolve-job.ts'
import { FLAGGED, type SafetyChecker } from './safety/safety-checker.ts'
import { DATA_TYPE, openJointUnet } from './unidiffuser/joint-unet.ts'
import { UniDiffuserReader } from './unidiffuser/picture-reader.ts'
import { openUpscaler } from './upscale/open-upscaler.ts'
import type { Vae } from './vae.ts'
import { WarningList } from './warning-list.ts'

export interface DiffusionPipelineOptions {
  /** Opens another model on the same graph store, such as a refiner. */
  openFurther: (folder: string) => Promise<OpenModel>
  vaeTiling: boolean
  safetyChecker: SafetyChecker | undefined
}

const UNSEEDED_ENCODER: ImageWarning = {
  kind: 'adjusted',
  field: 'seed',
  detail:
    'The VAE encoder of this model draws its own random numbers, so edits differ from run to run; export it anew to have them follow the seed.',
}

/** A diffusion model with one UNet, and what a request may put beside it. */
export class DiffusionPipeline implements Pipeline {
  readonly family: PipelineFamily
  readonly description: ModelDescription
  readonly reader: PictureReader | undefined
  readonly #model: OpenModel
  readonly #options: DiffusionPipelineOptions
  readonly #vaes = new Map<string, Vae>()
  readonly #refiners = new Map<string, OpenModel>()

  constructor(model: OpenModel, options: DiffusionPipelineOptions) {
    this.#model = model
    this.#options = options
    this.family = model.facts.family
    this.description = describeFacts(model.facts)
    this.reader = this.description.readsPictures ? new UniDiffuserReader(model) : undefined
  }

  get runtimeMs(): number {
    return this.#model.store.runtimeMs
  }

  async run(asked: ImageRequest, given: CallContext): Promise<PipelineResult> {
    const { safetyChecker } = this.#options
    // Nothing is shown that was not looked at.
    const context = safetyChecker ? { ...given, previewEvery: 0 } : given
    context.signal.throwIfAborted()
    context.onProgress?.({ phase: 'start' })
    const request = leaveRestToRefiner(asked)
    const adapters = await this.#model.adapters.plan(request.diffusion ?? {})
    const warnings = new WarningList([...this.#model.facts.warnings, ...adapters.warnings])
    const job = await resolveJob(this.#model, {
      request,
      context,
      adapters,
      vae: await this.#chooseVae(request),
      warn: (warning) => warnings.add(warning),
    })
    for (const warning of listIgnoredWishes(this.family, job.mode, request)) warnings.add(warning)
    if (job.source && job.vae.encodesAtRandom) warnings.add(UNSEEDED_ENCODER)
    const stages = await this.#prepareStages(job)
    const images: GeneratedImage[] = []
    for (const [index, seed] of seedsOf(request).entries()) {
      const drawn = await this.#enlargeDrawn(await drawImage(stages, { index, seed }), job)
      images.push(safetyChecker ? await safetyChecker.judge(drawn, context) : drawn)
    }
    if (images.some(({ isFlagged }) => isFlagged)) warnings.add(FLAGGED)
    return { images, warnings: warnings.list, recipe: describeRecipe(this.family, job) }
  }

  async enlarge(picture: RawPicture, file: string, context: CallContext): Promise<RawPicture> {
    const upscaler = await openUpscaler(file, this.#model.store, context)
    return await upscaler.enlarge(picture, context.signal)
  }

  async #enlargeDrawn(image: GeneratedImage, { request, context }: DrawingJob): Promise<GeneratedImage> {
    const file = request.diffusion?.upscale
    if (file === undefined || image.picture.kind !== 'raw') return image
    if (!image.frames) return { ...image, picture: await this.enlarge(image.picture, file, context) }
    const frames: RawPicture[] = []
    for (const frame of image.frames) frames.push(await this.enlarge(frame, file, context))
    return { ...image, picture: frames[0]!, frames }
  }

  async warmUp(context: CallContext): Promise<void> {
    const { facts, prompts, sequences, vae } = this.#model
    for (const encoder of facts.signatures.keys()) {
      if (!encoder.startsWith('text_encoder')) continue
      const kind = facts.traits.encoders?.[encoder] ?? 'clip'
      if (kind === 'clip') await prompts.load(encoder, { adapters: NO_ADAPTERS, context })
      if (kind === 'sequence') await sequences.load(encoder, { adapters: NO_ADAPTERS, context })
    }
    const parts = { adapters: NO_ADAPTERS, context }
    await (this.family === 'unidiffuser'
      ? openJointUnet(this.#model, { ...parts, dataType: DATA_TYPE })
      : openDenoiser(this.#model, parts))
    await vae.warmUp(context)
    await this.#options.safetyChecker?.load(context)
  }

  async #prepareStages(job: DrawingJob): Promise<Stage[]> {
    const stages = [{ job, prepared: await findFamily(this.family)(this.#model, job) }]
    const folder = job.request.diffusion?.refiner
    if (folder === undefined) return stages
    const refiner = this.#refiners.get(folder) ?? (await this.#options.openFurther(folder))
    this.#refiners.set(folder, refiner)
    const refinerJob = toRefinerJob(refiner, job)
    return [...stages, { job: refinerJob, prepared: await findFamily(refiner.facts.family)(refiner, refinerJob) }]
  }

  async #chooseVae({ diffusion }: ImageRequest): Promise<Vae> {
    const folder = diffusion?.vae
    if (folder === undefined) return this.#model.vae
    const { facts, store } = this.#model
    const vae = this.#vaes.get(folder) ?? (await openOtherVae(folder, { facts, store, tiling: this.#options.vaeTiling }))
    this.#vaes.set(folder, vae)
    return vae
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.store[Symbol.asyncDispose]()
  }
}

function seedsOf({ seeds, numImages }: ImageRequest): readonly number[] {
  if (seeds?.length === numImages) return seeds
  throw new DiffgentorError('internal', `A pipeline needs one seed for each of ${numImages} images, got ${seeds?.length ?? 0}.`)
}
