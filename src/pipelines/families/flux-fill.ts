import type { NoiseSource } from '../../noise/noise-source.ts'
import type { SchedulerRun } from '../../schedulers/scheduler.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { FlowLayout } from '../flow-layout.ts'
import type { DrawingJob } from '../job.ts'
import { startSchedule } from '../schedule.ts'
import { hideMasked } from '../sources.ts'

/** What FLUX.1 Fill starts from; all but the run are grids of latents. */
export interface FillStart {
  run: SchedulerRun
  latents: Tensor
  /** The picture without what is repainted. */
  hidden: Tensor
  /** The mask's pixels as channels, one for each pixel of a latent. */
  mask: Tensor
}

/** Draws in the order of diffusers: the source's posterior, the noise, the masked picture's posterior. */
export async function startFluxFill(job: DrawingJob, noise: NoiseSource, flow: FlowLayout): Promise<FillStart> {
  const { vae, context } = job
  const source = job.source!
  const mask = job.mask!
  const run = startSchedule(job, noise, { flow })
  const clean = await vae.encode(source, noise.normal, context)
  const latents = run.addNoise(clean, noise.start(job.latentShape), run.steps[0]!)
  const hidden = await vae.encode(hideMasked(source, mask), noise.normal, context)
  return { run, latents, hidden, mask: pixelsToChannels(mask, vae.config.scaleFactor) }
}

/** [1, 1, H, W] to [1, side², H/side, W/side]. */
function pixelsToChannels({ data, shape }: Tensor, side: number): Tensor {
  const [, , height, width] = shape as [number, number, number, number]
  const rows = height / side
  const columns = width / side
  const moved = new Float32Array(data.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const channel = (y % side) * side + (x % side)
      moved[(channel * rows + Math.floor(y / side)) * columns + Math.floor(x / side)] = data[y * width + x]!
    }
  }
  return { data: moved, shape: [1, side * side, rows, columns] }
}
