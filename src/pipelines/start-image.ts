import { resizeTensorNearest } from '../images/picture-tensor.ts'
import type { NoiseSource } from '../noise/noise-source.ts'
import type { SchedulerRun } from '../schedulers/scheduler.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { DenoiseStart } from './denoise.ts'
import type { FlowLayout } from './flow-layout.ts'
import type { DrawingJob } from './job.ts'
import { startSchedule } from './schedule.ts'
import { hideMasked } from './sources.ts'

/** A schedule and the latents at its beginning. */
export interface StartedImage extends Pick<DenoiseStart, 'run' | 'latents' | 'afterStep'> {
  /** For dedicated inpainting models: mask and masked picture in latent space [1, 1 + C, h, w]. */
  maskChannels?: readonly Tensor[] | undefined
}

export interface StartOptions {
  /** The denoiser sees the mask itself, so nothing is put back between steps. */
  denoiserSeesMask?: boolean
  /** The schedule is laid out by strength instead of being entered midway (latent consistency). */
  laidOutByStrength?: boolean
  /** Latents that another model has begun: the run goes on from them as they are. */
  handedOver?: Tensor | undefined
  /** For flow models. */
  flow?: FlowLayout | undefined
  /** Puts latents [1, C, h, w] into the order that the loop works on, such as tokens. Default: as they are. */
  arrange?: ((grid: Tensor) => Tensor) | undefined
}

/** Draws what one image starts from. The order of draws is that of diffusers. */
export async function startImage(job: DrawingJob, noise: NoiseSource, options: StartOptions = {}): Promise<StartedImage> {
  const run = startSchedule(job, noise, options)
  const { arrange = (grid: Tensor) => grid } = options
  if (job.mode === 'text' || job.mode === 'reference') {
    return { run, latents: arrange(scaleNoise(noise.start(job.latentShape), run)) }
  }
  if (options.handedOver) return { run, latents: options.handedOver }
  if (job.mode === 'image') {
    const started = await startFromPicture(job, noise, run)
    return { ...started, latents: arrange(started.latents) }
  }
  return options.denoiserSeesMask ? await startSeeingMask(job, noise, run) : await startKeepingRest(job, noise, run, arrange)
}

async function startFromPicture(job: DrawingJob, noise: NoiseSource, run: SchedulerRun): Promise<StartedImage> {
  const clean = await job.vae.encode(job.source!, noise.normal, job.context)
  // A source for the end of the schedule is taken to be noisy already.
  if (job.request.diffusion?.denoisingStart !== undefined) return { run, latents: clean }
  return { run, latents: run.addNoise(clean, noise.start(job.latentShape), run.steps[0]!) }
}

/** Inpainting with an ordinary model: what the mask keeps is put back after each step, noised to the level of the next. */
async function startKeepingRest(
  job: DrawingJob,
  noise: NoiseSource,
  run: SchedulerRun,
  arrange: (grid: Tensor) => Tensor,
): Promise<StartedImage> {
  const { source, mask, vae, context } = job
  const clean = arrange(await vae.encode(source!, noise.normal, context))
  const fresh = arrange(noise.start(job.latentShape))
  // diffusers encodes the masked picture here as well; only the draw of that matters.
  await vae.drawPosterior(job.latentShape, noise.normal, context)
  const latentMask = arrange(repeatChannels(shrinkMask(mask!, job), job.latentShape[1]!))
  return {
    run,
    latents:
      job.strength === 1
        ? scaleNoise(fresh, run)
        : run.addNoise(fillMasked(clean, { fresh, mask: latentMask }, job), fresh, run.steps[0]!),
    afterStep: (latents, index) => {
      const next = run.steps[index + 1]
      return blend(next ? run.addNoise(clean, fresh, next) : clean, latents, latentMask)
    },
  }
}

/** Inpainting with a model whose denoiser takes mask and masked picture as further channels. */
async function startSeeingMask(job: DrawingJob, noise: NoiseSource, run: SchedulerRun): Promise<StartedImage> {
  const { source, mask, vae, context } = job
  const clean = job.strength === 1 ? undefined : await vae.encode(source!, noise.normal, context)
  const fresh = noise.start(job.latentShape)
  const hidden = await vae.encode(hideMasked(source!, mask!), noise.normal, context)
  const latentMask = shrinkMask(mask!, job)
  const repeated = repeatChannels(latentMask, job.latentShape[1]!)
  return {
    run,
    latents: clean
      ? run.addNoise(fillMasked(clean, { fresh, mask: repeated }, job), fresh, run.steps[0]!)
      : scaleNoise(fresh, run),
    maskChannels: [latentMask, hidden],
  }
}

/** Puts noise or nothing under the mask where that is wished; the noise is that of the start, as in stable-diffusion-webui. */
function fillMasked(clean: Tensor, { fresh, mask }: { fresh: Tensor; mask: Tensor }, { request }: DrawingJob): Tensor {
  const fill = request.diffusion?.maskFill ?? 'source'
  if (fill === 'source') return clean
  const under = fill === 'noise' ? fresh : { data: new Float32Array(clean.data.length), shape: clean.shape }
  return blend(clean, under, mask)
}

function scaleNoise({ data, shape }: Tensor, { initNoiseSigma }: SchedulerRun): Tensor {
  if (initNoiseSigma === 1) return { data, shape }
  const factor = Math.fround(initNoiseSigma)
  return { data: data.map((value) => value * factor), shape }
}

function shrinkMask(mask: Tensor, { latentShape }: DrawingJob): Tensor {
  return resizeTensorNearest(mask, { height: latentShape[2]!, width: latentShape[3]! })
}

function repeatChannels({ data, shape: [, , height, width] }: Tensor, channels: number): Tensor {
  const repeated = new Float32Array(channels * data.length)
  for (let channel = 0; channel < channels; channel++) repeated.set(data, channel * data.length)
  return { data: repeated, shape: [1, channels, height!, width!] }
}

/** (1 − mask) · kept + mask · repainted */
function blend(kept: Tensor, repainted: Tensor, mask: Tensor): Tensor {
  return { data: repainted.data.map((value, i) => (mask.data[i]! === 1 ? value : kept.data[i]!)), shape: kept.shape }
}
