import { joinChannels } from '../channels.ts'
import type { Predict } from '../denoise.ts'
import { Denoiser } from '../graphs/denoiser.ts'
import { branchAt, type Guidance } from '../guidance.ts'
import type { DrawingJob, OpenModel } from '../job.ts'
import { openControls } from './controls.ts'

/** Loads the UNet or transformer in the form that the job wants. */
export async function openDenoiser(
  { facts, store }: OpenModel,
  { adapters, context }: Pick<DrawingJob, 'adapters' | 'context'>,
): Promise<Denoiser> {
  const name = facts.signatures.has('unet') ? 'unet' : 'transformer'
  const variant = adapters.variants.get(name)
  return await store.get({
    signature: facts.signatures.get(name)!,
    name,
    stage: 'denoise',
    variant,
    wrap: (session) => new Denoiser(session, variant?.feeds),
    context,
  })
}

/** Loads what predicts: it runs the denoiser once for each branch, always with a batch of one, and combines what they predict. */
export async function predictGuided(
  model: OpenModel,
  job: DrawingJob,
  { branches, combine }: Guidance,
  totalSteps: number,
): Promise<Predict> {
  const denoiser = await openDenoiser(model, job)
  const controls = await openControls(model, job, denoiser, totalSteps)
  return async (scaled, step) => {
    const timestep = { data: [step.timestep], shape: [] }
    const predictions = []
    for (const branch of branches.map((scheduled) => branchAt(scheduled, step.index))) {
      const { feeds, appended } = branch
      const latents = appended ? joinChannels([scaled, appended]) : scaled
      const added = await controls.feed(branch, scaled, step)
      predictions.push(await denoiser.predict({ ...feeds, ...added.roles, latents, timestep }, added.named))
    }
    return combine(predictions)
  }
}
