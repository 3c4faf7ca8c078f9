import { DiffgentorError } from '../errors.ts'
import type { NoiseSource } from '../noise/noise-source.ts'
import type { ScheduleOptions, SchedulerRun } from '../schedulers/scheduler.ts'
import type { DrawingJob } from './job.ts'

/** Lays out one image's schedule: all of it, or from where a source picture enters. */
export function startSchedule(
  job: DrawingJob,
  noise: NoiseSource,
  { laidOutByStrength = false }: { laidOutByStrength?: boolean } = {},
): SchedulerRun {
  const { scheduler, numInferenceSteps, strength, mode, request } = job
  const options: ScheduleOptions = {
    numInferenceSteps,
    eta: request.diffusion?.eta ?? 0,
    drawNoise: noise.normal,
  }
  if (mode === 'text') return scheduler.startRun(options)
  if (laidOutByStrength) return scheduler.startRun({ ...options, strength })
  const stepsToRun = Math.min(Math.floor(numInferenceSteps * strength), numInferenceSteps)
  if (stepsToRun < 1) throw tooWeak(job)
  const firstStep = numInferenceSteps - stepsToRun
  if (firstStep === 0) return scheduler.startRun(options)
  // The first entry depends on how many entries the scheduler makes of a step, which only a run tells.
  const { order } = scheduler.startRun(options)
  return scheduler.startRun({ ...options, beginIndex: firstStep * order })
}

function tooWeak({ numInferenceSteps, strength }: DrawingJob): DiffgentorError {
  return new DiffgentorError(
    'invalid_request',
    `A strength of ${strength} leaves none of ${numInferenceSteps} steps to run; raise the strength or the steps so that their product is at least 1.`,
    { field: 'strength' },
  )
}
