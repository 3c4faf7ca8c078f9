import { choice } from './config-fields.ts'
import {
  EDM_FIELDS,
  edmInitialNoiseSigma,
  edmInputDivisor,
  edmOriginal,
  edmTimestep,
  spaceEdmSigmas,
} from './edm-preconditioning.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { moveAlongDerivative } from './sigma-space.ts'

const { fround } = Math

const FIELDS = { ...EDM_FIELDS, prediction_type: choice('epsilon', ['epsilon', 'v_prediction']) }

/** Euler's method for EDM-preconditioned models (Karras et al. 2022). */
export const edmEuler: SchedulerKind<typeof FIELDS> = {
  className: 'EDMEulerScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  prepare(config) {
    const isVelocity = config.prediction_type === 'v_prediction'
    return ({ numInferenceSteps }) => {
      const spaced = spaceEdmSigmas(config, numInferenceSteps)
      const sigmas = Float32Array.from([...spaced, config.final_sigmas_type === 'zero' ? 0 : spaced.at(-1)!])

      const step = ({ prediction, latents, index }: StepInput): StepOutput => {
        const sigma = sigmas[index]!
        const original = edmOriginal(isVelocity, prediction, latents, sigma, config.sigma_data)
        return { latents: moveAlongDerivative(latents, original, sigma, fround(sigmas[index + 1]! - sigma)), denoised: original }
      }

      return {
        timesteps: spaced.map(edmTimestep),
        sigmas,
        initNoiseSigma: edmInitialNoiseSigma(config.sigma_max),
        order: 1,
        step,
        inputDivisor: (index) => edmInputDivisor(sigmas[index]!, config.sigma_data),
        noiseWeights: (index) => [1, sigmas[index]!],
      }
    }
  },
}
