import { joinChannels } from '../channels.ts'
import type { Predict } from '../denoise.ts'
import { Denoiser } from '../graphs/denoiser.ts'
import type { Guidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'

/** Loads the UNet in the form that the job wants. */
export async function openDenoiser(
  { facts, store }: OpenModel,
  { adapters, context }: Pick<DrawingJob, 'adapters' | 'context'>,
): Promise<Denoiser> {
  const variant = adapters.variants.get('unet')
  return await store.get({
    signature: facts.signatures.get('unet')!,
    name: 'unet',
    stage: 'denoise',
    variant,
    wrap: (session) => new Denoiser(session, variant?.feeds),
    context,
  })
}

/** Runs the denoiser once for each branch, always with a batch of one, and combines what they predict. */
export function predictGuided(denoiser: Denoiser, { branches, combine }: Guidance): Predict {
  return async (scaled, step) => {
    const timestep = { data: [step.timestep], shape: [] }
    const predictions = []
    for (const { feeds, appended } of branches) {
      const latents = appended ? joinChannels([scaled, appended]) : scaled
      predictions.push(await denoiser.predict({ ...feeds, latents, timestep }))
    }
    return combine(predictions)
  }
}
