import type { RawPicture, Size } from '../../contract/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { DrawingJob } from '../job.ts'
import { toSourceTensor } from '../sources.ts'

/** Widths and heights that FLUX.1 Kontext was trained on; each also the other way round. */
const TRAINED_SIZES: readonly (readonly [number, number])[] = [
  [672, 1568],
  [688, 1504],
  [720, 1456],
  [752, 1392],
  [800, 1328],
  [832, 1248],
  [880, 1184],
  [944, 1104],
  [1024, 1024],
  [1104, 944],
  [1184, 880],
  [1248, 832],
  [1328, 800],
  [1392, 752],
  [1456, 720],
  [1504, 688],
  [1568, 672],
]

/** Pixels on a side of a token. */
const GRID = 16

/** The picture that Kontext looks at, as latents at the posterior's mean: nothing is drawn. */
export async function encodeKontextReference(job: DrawingJob, picture: RawPicture): Promise<Tensor> {
  const isResized = job.request.diffusion?.resizeReferences ?? true
  const size = isResized ? nearestTrainedSize(picture) : cutToGrid(picture)
  return await job.vae.encodeMean(toSourceTensor(picture, size), job.context)
}

function nearestTrainedSize({ width, height }: Size): Size {
  const ratio = width / height
  const distance = ([w, h]: readonly [number, number]) => Math.abs(ratio - w / h)
  const nearest = TRAINED_SIZES.reduce((best, size) => (distance(size) < distance(best) ? size : best))
  return { width: nearest[0], height: nearest[1] }
}

function cutToGrid({ width, height }: Size): Size {
  const cut = (side: number) => Math.max(GRID, side - (side % GRID))
  return { width: cut(width), height: cut(height) }
}
