import type { IpAdapterChoice } from '../../contract/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { joinAxis, zeros } from '../channels.ts'
import { findInput } from '../folder/denoiser-inputs.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import type { DrawingJob, OpenModel } from '../job.ts'

/** What an IP-Adapter adds to the two branches of guidance. */
interface SeenPictures {
  positive: DenoiserFeeds
  negative: DenoiserFeeds
}

/** Of the input for pictures: batch, pictures, width; with hidden states the tokens come before the width. */
const EMBEDDING_RANK = 3

/**
 * Encodes the pictures of a request for a UNet with an IP-Adapter, as diffusers does: the branch without them gets zeros, or the
 * hidden states of nothing. Without pictures such a UNet is fed zeros and told that they do not count.
 */
export async function lookAtPictures(model: OpenModel, job: DrawingJob): Promise<SeenPictures> {
  const unet = model.facts.signatures.get('unet')
  const input = unet && findInput(unet, 'imageEmbeds')
  if (!input) return { positive: {}, negative: {} }
  const choice = job.request.diffusion?.ipAdapter
  const takesScale = findInput(unet, 'ipAdapterScale') !== undefined
  const scale = takesScale ? { ipAdapterScale: { data: [choice ? (choice.scale ?? 1) : 0], shape: [1] } } : {}
  if (!choice) {
    if (!takesScale) job.warn(LOOKS_AT_NOTHING)
    const shape = input.dims.map((size, axis) => (typeof size === 'number' && axis > 0 ? size : 1))
    const feeds = { imageEmbeds: zeros(shape), ...scale }
    return { positive: feeds, negative: feeds }
  }
  const { with: positive, without: negative } = await encodeAll(model, job, choice, input.dims.length > EMBEDDING_RANK)
  return { positive: { imageEmbeds: positive, ...scale }, negative: { imageEmbeds: negative, ...scale } }
}

const LOOKS_AT_NOTHING = {
  kind: 'adjusted',
  field: 'ip_adapter_image',
  detail:
    'The UNet of this model always looks at a picture and was given none, so it sees an empty one; give it an ip_adapter_image.',
} as const

async function encodeAll(
  { imagePrompts }: OpenModel,
  { context }: DrawingJob,
  { images }: IpAdapterChoice,
  readsStates: boolean,
) {
  const seen: Tensor[] = []
  for (const image of images) seen.push(await imagePrompts.encode(image, readsStates ? 'states' : 'embedding', context))
  const together = stack(seen)
  if (!readsStates) return { with: together, without: zeros(together.shape) }
  const nothing = await imagePrompts.encodeNothing(context)
  return { with: together, without: stack(images.map(() => nothing)) }
}

/** Features [1, …] of several pictures as [1, pictures, …]. */
function stack(features: readonly Tensor[]): Tensor {
  const { data, shape } = joinAxis(features, 0)
  return { data, shape: [1, ...shape] }
}
