import { DiffgentorError } from '../errors.ts'
import type { ModelFacts } from './folder/inspect-model.ts'
import { readModelFolder } from './folder/model-folder.ts'
import { readCheckedGraph } from './folder/read-signature.ts'
import { readVaeConfig } from './folder/vae-config.ts'
import type { GraphStore } from './graphs/graph-store.ts'
import { Vae } from './vae.ts'

export interface OtherVaeOptions {
  /** The model whose VAE is replaced. */
  facts: ModelFacts
  store: GraphStore
  tiling: boolean
}

/** Opens the VAE of another folder in place of a model's own; its latents must have as many channels. */
export async function openOtherVae(path: string, { facts, store, tiling }: OtherVaeOptions): Promise<Vae> {
  const { traits, vae: own } = facts
  const folder = await readModelFolder(path)
  const decoderFile = folder.graphs.get('vae_decoder')
  if (!decoderFile) throw unfit(path, 'holds no vae_decoder graph')
  const encoderFile = folder.graphs.get('vae_encoder')
  const { signature: decoder } = await readCheckedGraph(decoderFile)
  const encoder = encoderFile === undefined ? undefined : (await readCheckedGraph(encoderFile)).signature
  const channels = decoder.inputs[0]?.dims[1]
  if (typeof channels === 'number' && channels !== own.latentChannels) {
    throw unfit(path, `decodes latents of ${channels} channels, but the model draws latents of ${own.latentChannels}`)
  }
  const config = readVaeConfig(folder, traits, own.latentChannels)
  if (config.scaleFactor !== own.scaleFactor) {
    throw unfit(path, `enlarges latents ${config.scaleFactor} times, but the model needs ${own.scaleFactor} times`)
  }
  return new Vae({ config, store, decoder, encoder, tiling })
}

function unfit(path: string, why: string): DiffgentorError {
  return new DiffgentorError('invalid_request', `The VAE in ${path} ${why}.`, { field: 'vae' })
}
