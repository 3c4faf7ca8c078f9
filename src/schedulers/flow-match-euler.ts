import { addScaled, weightedSum } from '../tensor/arithmetic.ts'
import { flag } from './config-fields.ts'
import { FLOW_MATCH_FIELDS, layOutFlowMatch } from './flow-match-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { predictOriginal } from './sigma-space.ts'

const { fround } = Math

const FIELDS = { ...FLOW_MATCH_FIELDS, stochastic_sampling: flag(false) }

/** Euler's method on rectified flow, latents being (1 − σ)·x₀ + σ·ε (Esser et al., Stable Diffusion 3, 2024). */
export const flowMatchEuler: SchedulerKind<typeof FIELDS> = {
  className: 'FlowMatchEulerDiscreteScheduler',
  fields: FIELDS,
  predictions: ['flow_prediction'],
  custom: ['timesteps', 'sigmas'],
  prepare(config) {
    return (options) => {
      const { timesteps, sigmas } = layOutFlowMatch(config, options)

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const sigma = sigmas[index]!
        const next = sigmas[index + 1]!
        const denoised = predictOriginal('flow_prediction', prediction, latents, sigma)
        if (config.stochastic_sampling) return { latents: mixFlow(denoised, drawNoise(), next), denoised }
        const change = fround(next - sigma)
        return { latents: addScaled(latents, change, prediction), denoised }
      }

      return { timesteps, sigmas, initNoiseSigma: 1, order: 1, step, noiseWeights: (index) => flowNoiseWeights(sigmas[index]!) }
    }
  },
}

/** Shares of picture and noise at a level of rectified flow. */
export function flowNoiseWeights(sigma: number): readonly [clean: number, noise: number] {
  return [fround(1 - sigma), sigma]
}

/** A clean picture noised to a level of rectified flow. */
export function mixFlow(original: Float32Array, noise: Float32Array, sigma: number): Float32Array {
  const [clean, noisy] = flowNoiseWeights(sigma)
  return weightedSum(clean, original, noisy, noise)
}
