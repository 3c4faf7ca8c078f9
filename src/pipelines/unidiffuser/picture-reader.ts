import type { CallContext, CaptionRequest, EncodedPicture, PictureEmbedding, RawPicture } from '../../contract/index.ts'
import { decodePicture } from '../../images/decode-picture.ts'
import { tensorToPicture } from '../../images/picture-tensor.ts'
import { createNoiseSource, type NoiseSource } from '../../noise/noise-source.ts'
import { createScheduler } from '../../schedulers/create-scheduler.ts'
import type { SchedulerRun } from '../../schedulers/scheduler.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { NO_ADAPTERS } from '../adapter-plan.ts'
import { denoise } from '../denoise.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { ModelFacts } from '../folder/inspect-model.ts'
import type { OpenModel } from '../job.ts'
import type { DrawnText, PictureReader } from '../pipeline.ts'
import { toSourceTensor } from '../sources.ts'
import { type GuidedSetting, predictBoth, predictText } from './guided-predictions.ts'
import { joinParts, splitParts } from './joint-state.ts'
import { DATA_TYPE, openJointUnet } from './joint-unet.ts'
import { embedPicture } from './see-picture.ts'
import { pictureShapes, textStateShape } from './shapes.ts'
import { narrowText, readText } from './text-latents.ts'

const READING_PARTS: readonly ComponentName[] = ['image_encoder', 'vae_encoder', 'text_decoder']

/** Whether a model describes and embeds pictures: UniDiffuser with all its parts. */
export function canRead({ family, signatures }: Pick<ModelFacts, 'family' | 'signatures'>): boolean {
  return family === 'unidiffuser' && READING_PARTS.every((name) => signatures.has(name))
}

type JointRequest = Omit<CaptionRequest, 'image'>

/** UniDiffuser's other ways (arXiv 2303.06555): texts for pictures, pictures with their texts, and embeddings. Noise is drawn in the order of diffusers. */
export class UniDiffuserReader implements PictureReader {
  readonly #model: OpenModel

  constructor(model: OpenModel) {
    this.#model = model
  }

  async describe(request: CaptionRequest, context: CallContext): Promise<DrawnText> {
    const { picture } = await decodePicture(request.image)
    const noise = openNoise(request)
    const start = await this.#drawText(noise, context)
    const latents = await this.#model.vae.encode(this.#fit(picture), noise.normal, context)
    const { data } = await embedPicture(this.#model, picture, context)
    const { setting, run } = await this.#openLoop(request, noise, context)
    const predict = predictText(setting, { picture: latents, embedding: { data, shape: [1, 1, data.length] } })
    const drawn = await denoise({ run, latents: start, predict }, context.signal, reportTo(context, run))
    return { text: await readText(this.#model, drawn, context), latents: drawn }
  }

  async drawBoth(request: JointRequest, context: CallContext): Promise<DrawnText & { picture: RawPicture }> {
    const { facts, vae } = this.#model
    const { scaleFactor, latentChannels } = vae.config
    const { width, height } = facts.sizes.default
    const noise = openNoise(request)
    const text = await this.#drawText(noise, context)
    const shapes = pictureShapes(facts, [1, latentChannels, height / scaleFactor, width / scaleFactor])
    const start = joinParts([...shapes.map((shape) => noise.normal(shape)), text])
    const jointShapes = [...shapes, text.shape] as const
    const { setting, run } = await this.#openLoop(request, noise, context)
    const predict = predictBoth(setting, jointShapes)
    const latents = await denoise({ run, latents: start, predict }, context.signal, reportTo(context, run))
    const [picture, , drawnText] = splitParts(latents, jointShapes)
    const decoded = await vae.decode(picture, context)
    return { picture: tensorToPicture(decoded), text: await readText(this.#model, drawnText, context), latents }
  }

  async embed(image: EncodedPicture, context: CallContext): Promise<PictureEmbedding> {
    const { picture } = await decodePicture(image)
    const { data: clip } = await embedPicture(this.#model, picture, context)
    const { data, shape } = await this.#model.vae.encodeMode(this.#fit(picture), context)
    const [, channels, height, width] = shape as [number, number, number, number]
    return { clip, latents: data, latentShape: [channels, height, width] }
  }

  /** The one size that the network knows. */
  #fit(picture: RawPicture): Tensor {
    return toSourceTensor(picture, this.#model.facts.sizes.default)
  }

  /** A text of pure noise, drawn as wide as the text encoder's states and then narrowed. */
  async #drawText(noise: NoiseSource, context: CallContext): Promise<Tensor> {
    return await narrowText(this.#model, noise.normal(textStateShape(this.#model.facts)), context)
  }

  async #openLoop(
    request: JointRequest,
    noise: NoiseSource,
    context: CallContext,
  ): Promise<{ setting: GuidedSetting; run: SchedulerRun }> {
    const { defaults, schedulerConfig } = this.#model.facts
    const { numInferenceSteps = defaults.numInferenceSteps, guidanceScale: scale = defaults.guidanceScale } = request
    const scheduler = createScheduler({ modelConfig: schedulerConfig })
    const run = scheduler.startRun({ numInferenceSteps, drawNoise: noise.normal })
    const unet = await openJointUnet(this.#model, { adapters: NO_ADAPTERS, context, dataType: DATA_TYPE })
    return { setting: { unet, noise, scale, noiseTime: scheduler.numTrainTimesteps }, run }
  }
}

function openNoise({ seed }: JointRequest): NoiseSource {
  return createNoiseSource({ source: 'torch-cpu', dtype: 'float32', seed })
}

function reportTo({ onProgress }: CallContext, { steps }: SchedulerRun) {
  return async ({ index }: { index: number }) =>
    onProgress?.({ phase: 'step-end', image: 0, step: index + 1, totalSteps: steps.length })
}
