import { integer, number } from './config-fields.ts'
import { flowNoiseWeights } from './flow-match-euler.ts'
import { spaceFlowSigmas } from './flow-match-schedule.ts'
import { createHeunStep, repeatInnerSigmas, repeatTimesteps } from './heun-step.ts'
import type { SchedulerKind } from './scheduler-kind.ts'

const { fround } = Math

const FIELDS = { num_train_timesteps: integer(1000, 1), shift: number(1) }

/** Heun's method on rectified flow. */
export const flowMatchHeun: SchedulerKind<typeof FIELDS> = {
  className: 'FlowMatchHeunDiscreteScheduler',
  fields: FIELDS,
  predictions: ['flow_prediction'],
  prepare(config) {
    return ({ numInferenceSteps }) => {
      const spaced = spaceFlowSigmas(config.num_train_timesteps, config.shift, numInferenceSteps).map(fround)
      const sigmas = repeatInnerSigmas(spaced, 0)
      return {
        timesteps: repeatTimesteps(spaced.map((sigma) => fround(sigma * config.num_train_timesteps))),
        sigmas,
        initNoiseSigma: 1,
        order: 2,
        step: createHeunStep(sigmas, 'flow_prediction'),
        noiseWeights: (index) => flowNoiseWeights(sigmas[index]!),
      }
    }
  },
}
