import type { ImageRequest } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { createScheduler } from '../schedulers/create-scheduler.ts'
import { NO_ADAPTERS } from './adapter-plan.ts'
import type { DrawingJob, OpenModel } from './job.ts'

/** Share of the schedule that the base draws when nothing is asked for (arXiv 2307.01952 uses the last fifth for the refiner). */
const USUAL_SHARE = 0.8

/** The base's part of a request that a refiner finishes. */
export function leaveRestToRefiner(request: ImageRequest): ImageRequest {
  const { diffusion } = request
  if (!diffusion?.refiner) return request
  return { ...request, diffusion: { ...diffusion, denoisingEnd: diffusion.denoisingEnd ?? USUAL_SHARE } }
}

/** The refiner's part of the base's job: from where the base stops, with the refiner's own schedule and VAE. */
export function toRefinerJob(refiner: OpenModel, base: DrawingJob): DrawingJob {
  const { facts } = refiner
  if (base.alignedFamily !== 'stable-diffusion-xl') {
    throw new DiffgentorError('unsupported', 'A refiner finishes pictures of Stable Diffusion XL models only.', {
      field: 'refiner',
    })
  }
  if (facts.family !== 'stable-diffusion-xl-refiner') {
    throw new DiffgentorError(
      'invalid_request',
      `The refiner must be an SDXL refiner model, but its graphs are those of ${facts.family}.`,
      {
        field: 'refiner',
      },
    )
  }
  const { diffusion } = base.request
  return {
    ...base,
    request: {
      ...base.request,
      edit: undefined,
      diffusion: {
        ...diffusion,
        ipAdapter: undefined,
        denoisingStart: diffusion?.denoisingEnd ?? USUAL_SHARE,
        denoisingEnd: undefined,
      },
    },
    mode: 'image',
    source: undefined,
    mask: undefined,
    controls: [],
    scheduler: createScheduler({
      name: diffusion?.scheduler,
      modelConfig: facts.schedulerConfig,
      overrides: diffusion?.schedulerConfig,
    }),
    vae: refiner.vae,
    adapters: NO_ADAPTERS,
  }
}
