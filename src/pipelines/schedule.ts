import { DiffgentorError } from '../errors.ts'
import type { NoiseSource } from '../noise/noise-source.ts'
import { alignYourSteps } from '../schedulers/align-your-steps.ts'
import type { ScheduleOptions, SchedulerRun } from '../schedulers/scheduler.ts'
import { type FlowLayout, flowScheduleOptions } from './flow-layout.ts'
import type { DrawingJob } from './job.ts'

/** Lays out one image's schedule: all of it, or the part that a source picture or another model leaves. */
export function startSchedule(
  job: DrawingJob,
  noise: Pick<NoiseSource, 'normal'>,
  { laidOutByStrength = false, flow }: { laidOutByStrength?: boolean | undefined; flow?: FlowLayout | undefined } = {},
): SchedulerRun {
  const { scheduler, numInferenceSteps: asked, strength, mode, request } = job
  const { eta = 0, denoisingStart, denoisingEnd, timesteps, sigmas } = request.diffusion ?? {}
  const isListed = timesteps !== undefined || sigmas !== undefined
  const options: ScheduleOptions = {
    numInferenceSteps: asked,
    timesteps: scheduler.alignsSteps ? alignYourSteps(job.alignedFamily, asked) : undefined,
    eta,
    keepFrom: denoisingEnd === undefined ? undefined : cutoff(job, denoisingEnd),
    drawNoise: noise.normal,
    ...(flow && flowScheduleOptions(flow, scheduler, asked)),
    ...(isListed && { timesteps, sigmas }),
  }
  if (mode === 'text' || mode === 'reference') return scheduler.startRun(options)
  if (denoisingStart !== undefined) return scheduler.startRun({ ...options, keepBelow: cutoff(job, denoisingStart) })
  if (laidOutByStrength) return scheduler.startRun({ ...options, strength })
  // Of a list, every entry counts as a step.
  const numInferenceSteps = isListed ? scheduler.startRun(options).steps.length : asked
  // Pipelines of flow models round the first step where others round the number of steps.
  const exact = Math.min(numInferenceSteps * strength, numInferenceSteps)
  const firstStep = flow ? Math.floor(numInferenceSteps - exact) : numInferenceSteps - Math.floor(exact)
  if (firstStep >= numInferenceSteps) throw tooWeak(job)
  if (firstStep === 0) return scheduler.startRun(options)
  // The first entry depends on how many entries the scheduler makes of a step, which only a run tells.
  const { order } = scheduler.startRun(options)
  return scheduler.startRun({ ...options, beginIndex: firstStep * order })
}

/** The timestep that parts base and refiner; Python rounds halves to even. */
function cutoff({ scheduler: { numTrainTimesteps } }: DrawingJob, share: number): number {
  const exact = numTrainTimesteps - share * numTrainTimesteps
  const rounded = Math.round(exact)
  return exact % 1 === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded
}

/** Why an edit cannot begin: its strength leaves no step. */
export function tooWeak({ numInferenceSteps, strength }: Pick<DrawingJob, 'numInferenceSteps' | 'strength'>): DiffgentorError {
  return new DiffgentorError(
    'invalid_request',
    `A strength of ${strength} leaves none of ${numInferenceSteps} steps to run; raise the strength or the steps so that their product is at least 1.`,
    { field: 'strength' },
  )
}
