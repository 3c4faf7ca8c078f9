import type { VideoRule } from '../../contract/index.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { PipelineFamily } from '../pipeline.ts'
import type { ComponentName } from './graph-files.ts'

/** Wan's films: a frame of latents holds four frames, the first one holds one. */
export const WAN_FILMS: VideoRule = { frameMultiple: 4, minFrames: 1, maxFrames: 257, framesPerSecond: 16 }

/** The films that a model makes; undefined for models of pictures. */
export function filmRule(family: PipelineFamily, signatures: ReadonlyMap<ComponentName, GraphSignature>): VideoRule | undefined {
  if (family !== 'wan') return undefined
  const { fewest, most } = filmLengths(signatures)
  return { ...WAN_FILMS, minFrames: fewest, maxFrames: most ?? WAN_FILMS.maxFrames }
}

/** Frames of the shortest and the longest film that the graphs were exported for; `most` is undefined where there is no limit. */
export interface FilmLengths {
  fewest: number
  most: number | undefined
}

/**
 * A decoder that was exported for so many frames decodes shorter films too: its convolutions look back in time only, so what is
 * put behind a film changes nothing of it. A transformer that was exported for one length draws no other.
 */
export function filmLengths(signatures: ReadonlyMap<ComponentName, GraphSignature>): FilmLengths {
  const drawn = fixedFrames(signatures.get('transformer'))
  const decoded = fixedFrames(signatures.get('vae_decoder'))
  return { fewest: drawn ?? WAN_FILMS.minFrames, most: drawn ?? decoded }
}

/** The frames that latents [1, C, frames, h, w] of a fixed shape stand for; undefined where any number will do. */
export function fixedFrames(graph: GraphSignature | undefined): number | undefined {
  const latents = graph?.inputs.find(({ dims }) => dims.length === 5)?.dims[2]
  return typeof latents === 'number' ? WAN_FILMS.frameMultiple * (latents - 1) + 1 : undefined
}
