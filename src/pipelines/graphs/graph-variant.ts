import type { FeedValue, GraphSource } from '../../onnx-runtime/index.ts'

/** A changed form of a stored graph: with LoRAs merged, with layers left out … */
export interface GraphVariant {
  /** Equal keys mean equal graphs. */
  readonly key: string
  /** Equal identities mean equal graphs and equal `feeds`, hence equal results. */
  readonly identity: string
  /** Makes the graph from the stored file; called once for each key in memory. */
  build(file: string): Promise<GraphSource>
  /** Fed under these names at every run, to inputs that the change added. */
  readonly feeds?: Readonly<Record<string, FeedValue>> | undefined
}
