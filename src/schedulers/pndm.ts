import { accumulateScaled, addScaled, divideBy, subtractScaledAndDivide, weightedSum } from '../tensor/arithmetic.ts'
import { alphaNoiseWeights } from './alpha-space.ts'
import { choice, flag } from './config-fields.ts'
import { computeAlphasCumprod, NOISE_SCHEDULE_FIELDS } from './noise-schedule.ts'
import { roundHalfToEven } from './number-ranges.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { checkStepCount, SPACING_FIELDS, spaceTimesteps, timestepSpacing } from './timestep-spacing.ts'

const { fround, sqrt } = Math

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  timestep_spacing: timestepSpacing('leading'),
  skip_prk_steps: flag(false),
  set_alpha_to_one: flag(false),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
}

/** Timesteps of the list that the Runge-Kutta warm-up spans. */
const WARM_UP_STEPS = 4

/** Weights of the last predictions, newest first, with their divisor (linear multistep, Liu et al., "Pseudo numerical methods", 2022). */
const MULTISTEP = [
  { weights: [1], divisor: 1 },
  { weights: [3, -1], divisor: 2 },
  { weights: [23, -16, 5], divisor: 12 },
  { weights: [55, -59, 37, -9], divisor: 24 },
] as const

const RUNGE_KUTTA_WEIGHTS = [1 / 6, 1 / 3, 1 / 3, 1 / 6] as const

/** A jump of the run: from latents kept or given, between two timesteps, along a combined prediction. */
interface Jump {
  readonly from: Float32Array
  readonly timestep: number
  readonly previous: number
  readonly prediction: Float32Array
}

/** Liu et al., "Pseudo numerical methods for diffusion models on manifolds", 2022; without the warm-up it is known as PLMS. */
export const pndm: SchedulerKind<typeof FIELDS> = {
  className: 'PNDMScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  prepare(config) {
    const alphas = computeAlphasCumprod(config, false)
    const finalAlpha = config.set_alpha_to_one ? 1 : alphas[0]!
    const alphaAt = (timestep: number) => (timestep >= 0 ? alphas[timestep]! : finalAlpha)
    return ({ numInferenceSteps }) => {
      checkStepCount(numInferenceSteps, config.num_train_timesteps)
      const spaced = spaceTimesteps(config, numInferenceSteps).map(roundHalfToEven)
      const stride = Math.floor(config.num_train_timesteps / numInferenceSteps)
      const warmUp = config.skip_prk_steps ? [] : warmUpTimesteps(spaced, Math.floor(stride / 2))
      const timesteps = config.skip_prk_steps ? repeatSecond(spaced) : [...warmUp, ...spaced.slice(3)]
      const nextRungeKutta = createRungeKutta(warmUp, Math.floor(stride / 2))
      const nextMultistep = createMultistep(stride, config.skip_prk_steps)
      const history: Float32Array[] = []

      const step = ({ prediction, latents, index, count }: StepInput): StepOutput => {
        const advance = count < warmUp.length ? nextRungeKutta : nextMultistep
        const jump = advance(history, prediction, latents, timesteps[index]!, count)
        const alpha = alphaAt(jump.timestep)
        const noise = config.prediction_type === 'epsilon' ? jump.prediction : noiseOfVelocity(jump.prediction, jump.from, alpha)
        return {
          latents: transfer(jump.from, noise, alpha, alphaAt(jump.previous)),
          denoised: removeNoise(jump.from, noise, alpha),
        }
      }

      return {
        timesteps,
        initNoiseSigma: 1,
        order: 1,
        step,
        noiseWeights: (index) => alphaNoiseWeights(alphas[timesteps[index]!]!),
      }
    }
  },
}

/** The second timestep runs twice: the first jump is improved once its end is known. */
function repeatSecond(spaced: readonly number[]): number[] {
  if (spaced.length < 2) return [...spaced]
  return [spaced[0]!, spaced[1]!, ...spaced.slice(1)]
}

/** The warm-up evaluates the start, the middle twice and the end of each of its three jumps. */
function warmUpTimesteps(spaced: readonly number[], half: number): number[] {
  const points = spaced
    .slice(0, WARM_UP_STEPS)
    .reverse()
    .flatMap((timestep) => [timestep, timestep + half])
  return points
    .slice(0, -1)
    .flatMap((timestep) => [timestep, timestep])
    .slice(1, -1)
    .reverse()
}

type Advance = (history: Float32Array[], prediction: Float32Array, latents: Float32Array, timestep: number, count: number) => Jump

function createRungeKutta(warmUp: readonly number[], half: number): Advance {
  let kept: Float32Array | undefined
  let sum: Float32Array = new Float32Array()
  return (history, prediction, latents, timestep, count) => {
    const stage = count % RUNGE_KUTTA_WEIGHTS.length
    if (stage === 0) {
      history.push(prediction.slice())
      kept = latents
      sum = new Float32Array(latents.length)
    }
    const weight = fround(RUNGE_KUTTA_WEIGHTS[stage]!)
    const added = addScaled(sum, weight, prediction)
    if (stage < 3) sum = added
    return {
      from: kept ?? latents,
      timestep: warmUp[count - stage]!,
      previous: timestep - (count % 2 === 0 ? half : 0),
      prediction: stage === 3 ? added : prediction,
    }
  }
}

function createMultistep(stride: number, improvesFirst: boolean): Advance {
  let kept: Float32Array | undefined
  return (history, prediction, latents, timestep, count) => {
    if (improvesFirst && count === 1) {
      const first = history[0]!
      const mean = weightedSum(0.5, prediction, 0.5, first)
      return { from: kept!, timestep: timestep + stride, previous: timestep, prediction: mean }
    }
    if (count === 0) kept = latents
    history.push(prediction.slice())
    if (history.length > MULTISTEP.length) history.shift()
    return { from: latents, timestep, previous: timestep - stride, prediction: combine(history) }
  }
}

/** The multistep formula over all predictions kept, oldest first in `history`. */
function combine(history: readonly Float32Array[]): Float32Array {
  const { weights, divisor } = MULTISTEP[history.length - 1]!
  const newest = history.at(-1)!
  if (divisor === 1) return newest
  const sum = weightedSum(weights[0], newest, weights[1], history.at(-2)!)
  for (let age = 2; age < history.length; age++) accumulateScaled(sum, weights[age]!, history.at(-1 - age)!)
  return divideBy(sum, divisor)
}

function noiseOfVelocity(velocity: Float32Array, latents: Float32Array, alpha: number): Float32Array {
  const [signal, spread] = alphaNoiseWeights(alpha)
  return weightedSum(signal, velocity, spread, latents)
}

function removeNoise(latents: Float32Array, noise: Float32Array, alpha: number): Float32Array {
  const [signal, spread] = alphaNoiseWeights(alpha)
  return subtractScaledAndDivide(latents, spread, noise, signal)
}

/** Equation 11 of the paper, rearranged so that it does not lose digits. */
function transfer(latents: Float32Array, noise: Float32Array, alpha: number, previousAlpha: number): Float32Array {
  const share = fround(1 - alpha)
  const scale = fround(sqrt(fround(previousAlpha / alpha)))
  const change = fround(previousAlpha - alpha)
  const divisor = fround(
    fround(alpha * fround(sqrt(fround(1 - previousAlpha)))) + fround(sqrt(fround(fround(alpha * share) * previousAlpha))),
  )
  const next = new Float32Array(latents.length)
  for (let i = 0; i < next.length; i++) next[i] = fround(scale * latents[i]!) - fround(fround(change * noise[i]!) / divisor)
  return next
}
