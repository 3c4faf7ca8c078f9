import type { CallContext, EncodedPicture, RawPicture } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { decodePicture } from '../../images/decode-picture.ts'
import { fitPicture } from '../../images/fit-picture.ts'
import { tensorToPicture } from '../../images/picture-tensor.ts'
import { createNoiseSource, type NoiseSource } from '../../noise/noise-source.ts'
import { createScheduler } from '../../schedulers/create-scheduler.ts'
import type { Scheduler } from '../../schedulers/scheduler.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { NO_ADAPTERS } from '../adapter-plan.ts'
import { denoise } from '../denoise.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { OpenModel } from '../job.ts'
import { toSourceTensor } from '../sources.ts'
import { type GuidedSetting, predictBoth, predictText } from './guided-predictions.ts'
import { joinParts, splitParts } from './joint-state.ts'
import { openJointUnet } from './joint-unet.ts'
import { embedPicture } from './see-picture.ts'
import { pictureShapes, textStateShape } from './shapes.ts'
import { narrowText, readText } from './text-latents.ts'

/** How UniDiffuser draws a text, or a picture with its text. */
export interface JointDrawing {
  seed: number
  /** Default: the model's. */
  numInferenceSteps?: number | undefined
  guidanceScale?: number | undefined
  /** What kind of training pictures to be like, 0 or 1. Default 1. */
  dataType?: number | undefined
}

/** A text that was drawn, with the state of the loop at its end. */
export interface DrawnText {
  text: string
  latents: Tensor
}

/** Describes a picture in words: draws a text for it and reads that with a beam search. Pictures of another size than the model's are resized. */
export async function describePicture(
  model: OpenModel,
  image: EncodedPicture,
  drawing: JointDrawing,
  context: CallContext,
): Promise<DrawnText> {
  assertHas(model, ['image_encoder', 'vae_encoder', 'text_decoder'])
  const { picture } = await decodePicture(image)
  const noise = openNoise(drawing)
  const start = await drawText(model, noise, context)
  const source = toSourceTensor(fitPicture(picture, model.facts.sizes.default), model.facts.sizes.default)
  const latents = await model.vae.encode(source, noise.normal, context)
  const embedding = toRow(await embedPicture(model, picture, context))
  const { setting, run } = await openLoop(model, drawing, noise, context)
  const predict = predictText(setting, { picture: latents, embedding })
  const drawn = await denoise({ run, latents: start, predict }, context.signal, reportTo(context, run.steps.length))
  return { text: await readText(model, drawn, context), latents: drawn }
}

/** Draws a picture and its description at once, from nothing. */
export async function drawBoth(
  model: OpenModel,
  drawing: JointDrawing,
  context: CallContext,
): Promise<DrawnText & { picture: RawPicture }> {
  assertHas(model, ['text_decoder'])
  const { scaleFactor, latentChannels } = model.vae.config
  const { width, height } = model.facts.sizes.default
  const noise = openNoise(drawing)
  const start = await drawText(model, noise, context)
  const shapes = pictureShapes(model.facts, [1, latentChannels, height / scaleFactor, width / scaleFactor])
  const state = joinParts([...shapes.map((shape) => noise.normal(shape)), start])
  const { setting, run } = await openLoop(model, drawing, noise, context)
  const jointShapes = [...shapes, start.shape] as const
  const predict = predictBoth(setting, jointShapes)
  const latents = await denoise({ run, latents: state, predict }, context.signal, reportTo(context, run.steps.length))
  const [picture, , text] = splitParts(latents, jointShapes)
  const decoded = await model.vae.decode(picture, context)
  return { picture: tensorToPicture(decoded), text: await readText(model, text, context), latents }
}

/** CLIP's embedding of a picture, as the model's image encoder gives it. */
export async function embedImage(model: OpenModel, image: EncodedPicture, context: CallContext): Promise<Float32Array> {
  assertHas(model, ['image_encoder'])
  const { picture } = await decodePicture(image)
  return (await embedPicture(model, picture, context)).data
}

function openNoise({ seed }: JointDrawing): NoiseSource {
  return createNoiseSource({ source: 'torch-cpu', dtype: 'float32', seed })
}

/** A text of pure noise, drawn as wide as the text encoder's states and then narrowed. */
async function drawText(model: OpenModel, noise: NoiseSource, context: CallContext): Promise<Tensor> {
  return await narrowText(model, noise.normal(textStateShape(model.facts)), context)
}

async function openLoop(model: OpenModel, drawing: JointDrawing, noise: NoiseSource, context: CallContext) {
  const { facts } = model
  const { numInferenceSteps = facts.defaults.numInferenceSteps, guidanceScale = facts.defaults.guidanceScale } = drawing
  const scheduler: Scheduler = createScheduler({ modelConfig: facts.schedulerConfig })
  const run = scheduler.startRun({ numInferenceSteps, drawNoise: noise.normal })
  const unet = await openJointUnet(model, { adapters: NO_ADAPTERS, context, dataType: drawing.dataType ?? 1 })
  const setting: GuidedSetting = { unet, noise, scale: guidanceScale, noiseTime: scheduler.numTrainTimesteps }
  return { setting, run }
}

function reportTo({ onProgress }: CallContext, totalSteps: number) {
  return async ({ index }: { index: number }) => onProgress?.({ phase: 'step-end', image: 0, step: index + 1, totalSteps })
}

function toRow({ data }: Tensor): Tensor {
  return { data, shape: [1, 1, data.length] }
}

/** Rejects models of other families. */
export function assertJoint({ facts: { family, folder } }: OpenModel): void {
  if (family === 'unidiffuser') return
  throw new DiffgentorError(
    'unsupported',
    `Only UniDiffuser models describe and embed pictures; the model in ${folder.root} is of the family ${family}.`,
  )
}

function assertHas({ facts: { signatures, folder } }: OpenModel, components: readonly ComponentName[]): void {
  const missing = components.find((name) => !signatures.has(name))
  if (!missing) return
  throw new DiffgentorError(
    'unsupported',
    `The model in ${folder.root} lacks the component ${missing} (${missing}/model.onnx); export it again.`,
  )
}
