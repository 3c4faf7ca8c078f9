import type { VideoRule } from '../../contract/index.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { PipelineFamily } from '../pipeline.ts'
import type { ComponentName } from './graph-files.ts'

/** Wan's films: a frame of latents holds four frames, the first one holds one. */
export const WAN_FILMS: VideoRule = { frameMultiple: 4, minFrames: 1, maxFrames: 257, framesPerSecond: 16 }

/** The films that a model makes; undefined for models of pictures. */
export function filmRule(family: PipelineFamily, signatures: ReadonlyMap<ComponentName, GraphSignature>): VideoRule | undefined {
  if (family !== 'wan') return undefined
  const exported = exportedFrames(signatures)
  return exported === undefined ? WAN_FILMS : { ...WAN_FILMS, minFrames: exported, maxFrames: exported }
}

/** The number of frames that a decoder was exported for; undefined where any number will do. */
export function exportedFrames(signatures: ReadonlyMap<ComponentName, GraphSignature>): number | undefined {
  const latents = signatures.get('vae_decoder')?.inputs[0]?.dims[2]
  return typeof latents === 'number' ? WAN_FILMS.frameMultiple * (latents - 1) + 1 : undefined
}
