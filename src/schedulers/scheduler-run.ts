import { DiffgentorError } from '../errors.ts'
import { divideBy, weightedSum } from '../tensor/arithmetic.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { ScheduleOptions, SchedulerRun, SchedulerStep } from './scheduler.ts'
import type { Layout } from './scheduler-kind.ts'

/** Makes a layout into the run that callers see: cut to the entries that run, with tensors in and out. */
export function createRun(layout: Layout, options: ScheduleOptions): SchedulerRun {
  const [begin, end] = selectEntries(layout, options)
  const steps: SchedulerStep[] = []
  for (let entry = begin; entry < end; entry++) {
    steps.push({ index: entry - begin, timestep: layout.timesteps[entry]!, sigma: layout.sigmas?.[entry] })
  }
  return {
    steps,
    initNoiseSigma: layout.initNoiseSigma,
    order: layout.order,
    scaleModelInput(latents, step) {
      if (layout.inputDivisor === undefined) return latents
      const divisor = layout.inputDivisor(begin + step.index)
      return { data: divideBy(latents.data, divisor), shape: latents.shape }
    },
    step(prediction, latents, step) {
      const result = layout.step({
        prediction: prediction.data,
        latents: latents.data,
        index: begin + step.index,
        count: step.index,
        drawNoise: () => options.drawNoise(latents.shape).data,
      })
      return {
        latents: { data: result.latents, shape: latents.shape },
        denoised: { data: result.denoised, shape: latents.shape },
      }
    },
    addNoise: (clean, noise, step) => mix(clean, noise, layout.noiseWeights(begin + step.index)),
  }
}

/** First and end entry of the part that runs. */
function selectEntries(layout: Layout, options: ScheduleOptions): [begin: number, end: number] {
  const timesteps = Array.from(layout.timesteps)
  let begin = options.beginIndex ?? 0
  if (options.keepBelow !== undefined) {
    let kept = countWhere(timesteps, (timestep) => timestep < options.keepBelow!)
    // The second call of a second-order step repeats a timestep; the pair must stay whole.
    if (layout.order === 2 && kept % 2 === 0) kept += 1
    begin = Math.max(0, timesteps.length - kept)
  }
  let end = timesteps.length
  if (options.keepFrom !== undefined) {
    end = begin + countWhere(timesteps.slice(begin), (timestep) => timestep >= options.keepFrom!)
  }
  if (begin < 0 || begin >= end) {
    throw new DiffgentorError(
      'invalid_request',
      'No inference step is left to run; raise the number of steps or the strength, or widen the part of the schedule that runs.',
      { field: 'num_inference_steps' },
    )
  }
  return [begin, end]
}

function countWhere(values: readonly number[], holds: (value: number) => boolean): number {
  return values.reduce((count, value) => (holds(value) ? count + 1 : count), 0)
}

function mix(clean: Tensor, noise: Tensor, [cleanWeight, noiseWeight]: readonly [number, number]): Tensor {
  return { data: weightedSum(cleanWeight, clean.data, noiseWeight, noise.data), shape: clean.shape }
}
