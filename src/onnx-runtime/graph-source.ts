/** A graph that was patched in memory. */
export interface PatchedGraph {
  readonly proto: Uint8Array
  /** Folder against which the graph's external data names are read. */
  readonly dataFolder: string
  /** What error messages call it. */
  readonly label: string
}

/** Where a graph comes from: a file, or memory. */
export type GraphSource = string | PatchedGraph
