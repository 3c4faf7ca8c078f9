import { prepareKdpm2 } from './kdpm2-run.ts'
import { KDPM2_FIELDS } from './kdpm2-schedule.ts'
import type { SchedulerKind } from './scheduler-kind.ts'

/** DPM-Solver-2 in σ (k-diffusion's `sample_dpm_2`). */
export const kdpm2: SchedulerKind<typeof KDPM2_FIELDS> = {
  className: 'KDPM2DiscreteScheduler',
  fields: KDPM2_FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  prepare: (config) => prepareKdpm2(config, (levels) => levels.slice(1).map((down) => ({ down }))),
}
