import { THRESHOLDING_FIELDS, thresholdSample } from './clipping.ts'
import { choice, flag, integer } from './config-fields.ts'
import { createMultistepStep } from './dpm-multistep-step.ts'
import { checkDpmAlgorithm, dpmSolverType } from './dpm-solver-fields.ts'
import {
  EDM_FIELDS,
  edmInitialNoiseSigma,
  edmInputDivisor,
  edmOriginal,
  edmTimestep,
  spaceEdmSigmas,
} from './edm-preconditioning.ts'
import type { SchedulerKind, StepInput } from './scheduler-kind.ts'
import type { SolverPrediction } from './solver-prediction.ts'

const { fround } = Math

const FIELDS = {
  ...EDM_FIELDS,
  ...THRESHOLDING_FIELDS,
  prediction_type: choice('epsilon', ['epsilon', 'v_prediction']),
  solver_order: integer(2, 1),
  algorithm_type: choice('dpmsolver++', ['dpmsolver++', 'sde-dpmsolver++'], { deis: 'dpmsolver++' }),
  solver_type: dpmSolverType(),
  lower_order_final: flag(true),
  euler_at_final: flag(false),
}

/** DPM-Solver++ for EDM-preconditioned models. */
export const edmDpmSolver: SchedulerKind<typeof FIELDS> = {
  className: 'EDMDPMSolverMultistepScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  prepare(config) {
    checkDpmAlgorithm(config)
    const isVelocity = config.prediction_type === 'v_prediction'
    return ({ numInferenceSteps }) => {
      const spaced = spaceEdmSigmas(config, numInferenceSteps)
      const sigmas = Float32Array.from([...spaced, config.final_sigmas_type === 'zero' ? 0 : config.sigma_min])
      const levels = Array.from(sigmas, (sigma) => ({ alpha: 1, sigma, lambda: -fround(Math.log(sigma)), tableSigma: sigma }))

      const convert = ({ prediction, latents, index }: StepInput): SolverPrediction => {
        const picture = edmOriginal(isVelocity, prediction, latents, sigmas[index]!, config.sigma_data)
        if (config.thresholding) thresholdSample(picture, config)
        return { output: picture, denoised: picture }
      }

      return {
        timesteps: spaced.map(edmTimestep),
        sigmas,
        initNoiseSigma: edmInitialNoiseSigma(config.sigma_max),
        order: 1,
        step: createMultistepStep(config, levels, convert),
        inputDivisor: (index) => edmInputDivisor(sigmas[index]!, config.sigma_data),
        noiseWeights: (index) => [1, sigmas[index]!],
      }
    }
  },
}
