import { DiffgentorError } from '../errors.ts'
import { splitAncestral } from './euler-ancestral.ts'
import { prepareKdpm2, type StepEnd } from './kdpm2-run.ts'
import { KDPM2_FIELDS } from './kdpm2-schedule.ts'
import type { SchedulerKind } from './scheduler-kind.ts'

/** DPM-Solver-2 to a level below the next one, then fresh noise up to it (k-diffusion's `sample_dpm_2_ancestral`). */
export const kdpm2Ancestral: SchedulerKind<typeof KDPM2_FIELDS> = {
  className: 'KDPM2AncestralDiscreteScheduler',
  fields: KDPM2_FIELDS,
  predictions: ['epsilon', 'v_prediction'],
  prepare: (config) => prepareKdpm2(config, splitSteps),
}

/** Where levels fall so fast that float32 leaves nothing below the next one, the middle of the step has no meaning. */
function splitSteps(levels: readonly number[]): StepEnd[] {
  const splits = levels.slice(1).map((sigma, index) => splitAncestral(levels[index]!, sigma))
  if (splits.every(({ down }, index) => down > 0 || levels[index + 1] === 0)) return splits
  throw new DiffgentorError(
    'unsupported',
    'KDPM2AncestralDiscreteScheduler cannot bridge the noise levels of this schedule; take more steps or another scheduler.',
    { field: 'scheduler' },
  )
}
