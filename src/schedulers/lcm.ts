import { weightedSum } from '../tensor/arithmetic.ts'
import { alphaNoiseWeights, decompose } from './alpha-space.ts'
import { clipSample } from './clipping.ts'
import { DISTILLED_FIELDS, prepareDistilled } from './distilled-run.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'

const { fround } = Math

/** Standard deviation of the data that the boundary condition assumes. */
const SIGMA_DATA = 0.5

/** Luo et al., "Latent consistency models", 2023. */
export const lcm: SchedulerKind<typeof DISTILLED_FIELDS> = {
  className: 'LCMScheduler',
  fields: DISTILLED_FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  custom: ['timesteps'],
  prepare: (config) =>
    prepareDistilled(config, ({ alphas, timesteps, last }) => {
      return ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const timestep = timesteps[index]!
        const { original } = decompose(config.prediction_type, prediction, latents, alphas[timestep]!)
        clipSample(original, config)
        const { skip, out } = boundaryWeights(timestep * config.timestep_scaling)
        const denoised = weightedSum(out, original, skip, latents)
        if (index === last) return { latents: denoised, denoised }
        const [signal, spread] = alphaNoiseWeights(alphas[timesteps[index + 1] ?? timestep]!)
        return { latents: weightedSum(signal, denoised, spread, drawNoise()), denoised }
      }
    }),
}

/** Weights that make the model the identity at timestep 0. */
function boundaryWeights(time: number): { skip: number; out: number } {
  const power = time ** 2 + SIGMA_DATA ** 2
  return { skip: fround(SIGMA_DATA ** 2 / power), out: fround(time / Math.sqrt(power)) }
}
