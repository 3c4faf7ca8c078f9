import type { NoiseSource } from '../../noise/noise-source.ts'
import { weightedSum } from '../../tensor/arithmetic.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Predict } from '../denoise.ts'
import { joinParts, splitParts } from './joint-state.ts'
import type { JointParts, JointUnet } from './joint-unet.ts'

/** What predictions need beside the state. Guidance needs a second run beside fresh noise, drawn at every step. */
export interface GuidedSetting {
  unet: JointUnet
  noise: NoiseSource
  /** No guidance at 1 and below. */
  scale: number
  /** The timestep of pure noise. */
  noiseTime: number
}

/** A picture for a text: the state is the picture and its embedding. */
export function predictPicture({ unet, noise, scale, noiseTime }: GuidedSetting, text: Tensor, shapes: PictureShapes): Predict {
  return async (state, { timestep }) => {
    const [picture, embedding] = splitParts(state, shapes)
    const run = async (given: Tensor, time: number) => {
      const out = await unet.predict({ picture, embedding, text: given }, { picture: timestep, text: time })
      return joinParts([out.picture, out.embedding])
    }
    const within = await run(text, 0)
    return scale <= 1 ? within : guide(within, await run(noise.normal(text.shape), noiseTime), scale)
  }
}

/** A text for a picture: the state is the text. */
export function predictText({ unet, noise, scale, noiseTime }: GuidedSetting, seen: Omit<JointParts, 'text'>): Predict {
  return async (text, { timestep }) => {
    const run = async (given: Omit<JointParts, 'text'>, time: number) =>
      (await unet.predict({ ...given, text }, { picture: time, text: timestep })).text
    const within = await run(seen, 0)
    return scale <= 1 ? within : guide(within, await run(drawPicture(noise, seen), noiseTime), scale)
  }
}

/** Both at once: the state is the picture, its embedding and the text. */
export function predictBoth({ unet, noise, scale, noiseTime }: GuidedSetting, shapes: JointShapes): Predict {
  return async (state, { timestep }) => {
    const [picture, embedding, text] = splitParts(state, shapes)
    const now = { picture: timestep, text: timestep }
    const within = await unet.predict({ picture, embedding, text }, now)
    const joined = joinParts([within.picture, within.embedding, within.text])
    if (scale <= 1) return joined
    const other = drawPicture(noise, { picture, embedding })
    const otherText = noise.normal(text.shape)
    const alone = await unet.predict({ ...other, text }, { ...now, picture: noiseTime })
    const seen = await unet.predict({ picture, embedding, text: otherText }, { ...now, text: noiseTime })
    return guide(joined, joinParts([seen.picture, seen.embedding, alone.text]), scale)
  }
}

/** Shapes of a picture's latents and of its embedding, and of a text. */
export type PictureShapes = readonly [picture: readonly number[], embedding: readonly number[]]
export type JointShapes = readonly [...PictureShapes, text: readonly number[]]

function drawPicture(noise: NoiseSource, { picture, embedding }: Omit<JointParts, 'text'>): Omit<JointParts, 'text'> {
  return { picture: noise.normal(picture.shape), embedding: noise.normal(embedding.shape) }
}

/** scale · within + (1 − scale) · without */
function guide(within: Tensor, without: Tensor, scale: number): Tensor {
  return { data: weightedSum(Math.fround(scale), within.data, Math.fround(1 - scale), without.data), shape: within.shape }
}
