import type { RawPicture } from '../../contract/index.ts'
import { coverTensor } from '../../images/fit-tensor.ts'
import { tensorToPicture } from '../../images/picture-tensor.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { assertSize } from '../folder/size-rule.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { nearestBin } from './aspect-bins.ts'

/** A job at a size that the model was trained on, and the way from there to the size asked for. */
export interface BinnedJob {
  job: DrawingJob
  present(decoded: Tensor): { picture: RawPicture }
}

export interface BinningOptions {
  /** Pixels in one unit of the transformer's `sample_size`, in models as published. */
  pixelsPerSample: number
  /** Latents on a side of a token. */
  tokenSide: number
}

/** Moves a job to the nearest size of training, unless the request says no; then the size must be whole tokens. */
export function binSize({ facts }: OpenModel, job: DrawingJob, { pixelsPerSample, tokenSide }: BinningOptions): BinnedJob {
  const sample = facts.folder.configs.get('transformer')?.['sample_size']
  const isWanted = job.request.diffusion?.resolutionBinning !== false
  const bin = isWanted && typeof sample === 'number' ? nearestBin(job.size, sample * pixelsPerSample) : undefined
  const { scaleFactor } = facts.vae
  const size = bin ?? job.size
  const multiple = scaleFactor * tokenSide
  assertSize(size, { ...facts.sizes, multiple, min: multiple })
  const [count, channels] = job.latentShape as [number, number]
  return {
    job: { ...job, size, latentShape: [count, channels, size.height / scaleFactor, size.width / scaleFactor] },
    present: (decoded) => ({ picture: tensorToPicture(bin ? coverTensor(decoded, job.size) : decoded) }),
  }
}
