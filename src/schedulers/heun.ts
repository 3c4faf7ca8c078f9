import { clipSample } from './clipping.ts'
import { choice, flag, number } from './config-fields.ts'
import { spaceAndShape } from './euler-sigmas.ts'
import { createHeunStep, repeatInnerSigmas, repeatTimesteps } from './heun-step.ts'
import { computeAlphasCumprod, NOISE_SCHEDULE_FIELDS, sigmasOf } from './noise-schedule.ts'
import type { SchedulerKind } from './scheduler-kind.ts'
import { sigmaLayout } from './sigma-layout.ts'
import { SIGMA_SHAPE_FIELDS } from './sigma-schedules.ts'
import { SPACING_FIELDS } from './timestep-spacing.ts'

const FIELDS = {
  ...NOISE_SCHEDULE_FIELDS,
  ...SPACING_FIELDS,
  ...SIGMA_SHAPE_FIELDS,
  beta_start: number(0.00085),
  beta_end: number(0.012),
  prediction_type: choice('epsilon', ['epsilon', 'sample', 'v_prediction']),
  clip_sample: flag(false),
  clip_sample_range: number(1),
}

/** Karras et al., "Elucidating the design space of diffusion-based generative models", 2022, algorithm 1. */
export const heun: SchedulerKind<typeof FIELDS> = {
  className: 'HeunDiscreteScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction'],
  custom: ['timesteps'],
  prepare(config) {
    const table = sigmasOf(computeAlphasCumprod(config, false))
    const clipping = { ...config, thresholding: false, dynamic_thresholding_ratio: 1, sample_max_value: 1 }
    return ({ numInferenceSteps, timesteps: given }) => {
      const spaced = spaceAndShape(config, table, numInferenceSteps, given)
      const sigmas = repeatInnerSigmas(spaced.sigmas, 0)
      return sigmaLayout({
        timesteps: repeatTimesteps(spaced.timesteps),
        sigmas,
        spacing: config.timestep_spacing,
        order: 2,
        step: createHeunStep(sigmas, config.prediction_type, (original) => clipSample(original, clipping)),
      })
    }
  },
}
