import { choice, flag } from './config-fields.ts'
import { createMultistepStep } from './dpm-multistep-step.ts'
import { checkDpmAlgorithm, countBelowLambda, DPM_SOLVER_FIELDS } from './dpm-solver-fields.ts'
import { computeAlphasCumprodForSigmas, sigmasOf } from './noise-schedule.ts'
import type { SchedulerKind } from './scheduler-kind.ts'
import { checkUnshaped } from './sigma-schedules.ts'
import { createSigmaToTimestep } from './sigma-to-timestep.ts'
import { solverLevel } from './solver-levels.ts'
import { convertToNoise, convertToPicture } from './solver-prediction.ts'
import { spaceLuSigmas, spaceSolverSigmas } from './solver-schedule.ts'
import { SPACING_FIELDS, spaceSolverTimesteps } from './timestep-spacing.ts'

const FIELDS = {
  ...DPM_SOLVER_FIELDS,
  ...SPACING_FIELDS,
  algorithm_type: choice('dpmsolver++', ['dpmsolver', 'dpmsolver++', 'sde-dpmsolver', 'sde-dpmsolver++'], {
    deis: 'dpmsolver++',
  }),
  lower_order_final: flag(true),
  euler_at_final: flag(false),
  use_lu_lambdas: flag(false),
  rescale_betas_zero_snr: flag(false),
}

/** Lu et al., "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", 2022. */
export const dpmSolverMultistep: SchedulerKind<typeof FIELDS> = {
  className: 'DPMSolverMultistepScheduler',
  fields: FIELDS,
  predictions: ['epsilon', 'sample', 'v_prediction', 'flow_prediction'],
  custom: ['timesteps'],
  prepare(config) {
    checkDpmAlgorithm(config)
    const alphas = computeAlphasCumprodForSigmas(config, config.rescale_betas_zero_snr)
    const sigmaTable = sigmasOf(alphas)
    const table = { sigmas: sigmaTable, timestepOf: createSigmaToTimestep(sigmaTable) }
    const last = config.num_train_timesteps - countBelowLambda(alphas, config.lambda_min_clipped)
    const convert = config.algorithm_type.endsWith('++') ? convertToPicture : convertToNoise
    // The reference does not round a cosine schedule's timesteps.
    const roundsTimesteps = config.beta_schedule !== 'squaredcos_cap_v2'

    return ({ numInferenceSteps: count, timesteps: given, mu }) => {
      checkUnshaped(config, given)
      const shifted = mu === undefined ? config : { ...config, flow_shift: Math.exp(mu) }
      const spacing =
        config.use_lu_lambdas && !config.use_karras_sigmas
          ? spaceLuSigmas(table, count, roundsTimesteps)
          : spaceSolverSigmas(shifted, table, count, roundsTimesteps, () => given ?? spaceSolverTimesteps(config, count, last))
      const sigmas = Float32Array.from([...spacing.sigmas, config.final_sigmas_type === 'zero' ? 0 : sigmaTable[0]!])
      const levels = Array.from(sigmas, (sigma) => solverLevel(sigma, config.use_flow_sigmas))
      return {
        timesteps: spacing.timesteps,
        sigmas,
        initNoiseSigma: 1,
        order: 1,
        step: createMultistepStep(config, levels, (input) =>
          convert(config.prediction_type, input, levels[input.index]!, config),
        ),
        noiseWeights: (index) => [levels[index]!.alpha, levels[index]!.sigma],
      }
    }
  },
}
