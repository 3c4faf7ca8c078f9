import { DiffgentorError } from '../errors.ts'
import { weightedSum } from '../tensor/arithmetic.ts'
import { choice, integer, number } from './config-fields.ts'
import { linspaceFloat32 } from './number-ranges.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { checkStepCount } from './timestep-spacing.ts'

const { fround } = Math
const sine = (angle: number) => fround(Math.sin(angle))
const cosine = (angle: number) => fround(Math.cos(angle))

const FIELDS = {
  num_train_timesteps: integer(1000, 1),
  prediction_type: choice('trigflow', ['trigflow']),
  sigma_data: number(0.5),
}

/** The first angle, just past π/2, and the one between in runs of two steps, as Sana Sprint was trained. */
const FIRST_ANGLE = 1.5708
const MIDDLE_ANGLE = 1.3

/** Consistency sampling on angles: latents are cos(t)·x₀ + sin(t)·σ_data·ε (Lu and Song, "Simplifying … consistency models", 2024). */
export const scm: SchedulerKind<typeof FIELDS> = {
  className: 'SCMScheduler',
  fields: FIELDS,
  predictions: ['trigflow'],
  custom: ['timesteps'],
  prepare(config) {
    return ({ numInferenceSteps, timesteps: given }) => {
      checkStepCount(numInferenceSteps, config.num_train_timesteps)
      const angles = given === undefined ? spaceAngles(numInferenceSteps) : readAngles(given)

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const [from, to] = [angles[index]!, angles[index + 1]!]
        const [fromCosine, fromSine] = [cosine(from), sine(from)]
        const original = weightedSum(fromCosine, latents, -fromSine, prediction)
        const [toCosine, toSine] = [cosine(to), sine(to)]
        return { latents: weightedSum(toCosine, original, fround(toSine * config.sigma_data), drawNoise()), denoised: original }
      }

      return {
        timesteps: angles.subarray(0, -1),
        initNoiseSigma: 1,
        order: 1,
        step,
        noiseWeights: (index) => [cosine(angles[index]!), fround(sine(angles[index]!) * fround(config.sigma_data))],
      }
    }
  },
}

function spaceAngles(count: number): Float32Array {
  return count === 2 ? Float32Array.of(FIRST_ANGLE, MIDDLE_ANGLE, 0) : linspaceFloat32(FIRST_ANGLE, 0, count + 1)
}

function readAngles(given: readonly number[]): Float32Array {
  if (given.length > 1) return Float32Array.from(given)
  throw new DiffgentorError(
    'invalid_request',
    'SCMScheduler takes one angle more than there are steps, the last being the end.',
    {
      field: 'timesteps',
    },
  )
}
