import { existsSync } from 'node:fs'
import type { ImageRequest } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { createScheduler } from '../schedulers/create-scheduler.ts'
import { assertSize } from './folder/size-rule.ts'
import { unfitPicture } from './ip-adapter/assert-ip-adapter.ts'
import type { ModelDescription } from './pipeline.ts'

/** Rejects what a model could only fail at, without loading it: sizes, schedulers, pictures that it cannot look at, and files that are not there. */
export function checkRequest(description: ModelDescription, { size, diffusion = {} }: ImageRequest): void {
  const { capabilities, schedulerConfig, noIpAdapter } = description
  if (size && capabilities.sizes) assertSize(size, capabilities.sizes)
  if (diffusion.ipAdapter && noIpAdapter !== undefined) throw unfitPicture(noIpAdapter)
  const { scheduler: name, schedulerConfig: overrides, timesteps, sigmas } = diffusion
  const scheduler = createScheduler({ name, modelConfig: schedulerConfig, overrides })
  const isAligned = scheduler.alignsSteps && timesteps === undefined && sigmas === undefined
  scheduler.checkLists(isAligned ? { timesteps: [scheduler.numTrainTimesteps] } : { timesteps, sigmas })
  const { loras = [], embeddings = [], controlnets = [], vae, refiner, upscale } = diffusion
  for (const { path } of loras) assertExists('lora', path)
  for (const { path } of embeddings) assertExists('embedding', path)
  for (const { path } of controlnets) assertExists('controlnet', path)
  for (const [field, path] of Object.entries({ vae, refiner, upscale })) {
    if (path !== undefined) assertExists(field, path)
  }
}

function assertExists(field: string, path: string): void {
  if (existsSync(path)) return
  throw new DiffgentorError('invalid_request', `--${field} names ${path}, which does not exist.`, { field })
}
