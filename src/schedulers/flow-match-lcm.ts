import { flowNoiseWeights, mixFlow } from './flow-match-euler.ts'
import { FLOW_MATCH_FIELDS, layOutFlowMatch } from './flow-match-schedule.ts'
import type { SchedulerKind, StepInput, StepOutput } from './scheduler-kind.ts'
import { predictOriginal } from './sigma-space.ts'

/** Consistency sampling on rectified flow: the predicted picture is noised afresh to each next level, the last draw weighing nothing. */
export const flowMatchLcm: SchedulerKind<typeof FLOW_MATCH_FIELDS> = {
  className: 'FlowMatchLCMScheduler',
  fields: FLOW_MATCH_FIELDS,
  predictions: ['flow_prediction'],
  custom: ['timesteps', 'sigmas'],
  prepare(config) {
    return (options) => {
      const { timesteps, sigmas } = layOutFlowMatch(config, options)

      const step = ({ prediction, latents, index, drawNoise }: StepInput): StepOutput => {
        const denoised = predictOriginal('flow_prediction', prediction, latents, sigmas[index]!)
        return { latents: mixFlow(denoised, drawNoise(), sigmas[index + 1]!), denoised }
      }

      return { timesteps, sigmas, initNoiseSigma: 1, order: 1, step, noiseWeights: (index) => flowNoiseWeights(sigmas[index]!) }
    }
  },
}
