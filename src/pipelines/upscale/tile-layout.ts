/** One stretch of an axis that a tile covers. */
export interface TileSpan {
  start: number
  /** Cells over which the tile fades in from its predecessor and out towards its successor; 0 at the ends of the axis. */
  fadeIn: number
  fadeOut: number
}

/** Covers an axis with tiles of one size that overlap by at least so much; the last one is moved back to end at the end. */
export function layTiles(length: number, tile: number, overlap: number): TileSpan[] {
  if (length <= tile) return [{ start: 0, fadeIn: 0, fadeOut: 0 }]
  const stride = tile - overlap
  const count = Math.ceil((length - overlap) / stride)
  const starts = Array.from({ length: count }, (_, i) => Math.min(i * stride, length - tile))
  const shared = (i: number) => (i <= 0 || i >= count ? 0 : starts[i - 1]! + tile - starts[i]!)
  return starts.map((start, i) => ({ start, fadeIn: shared(i), fadeOut: shared(i + 1) }))
}

/** The weight of each cell of an enlarged tile: rising and falling straight where it overlaps. */
export function fadeWeights({ fadeIn, fadeOut }: TileSpan, length: number, scale: number): Float32Array {
  const rise = fadeIn * scale
  const fall = fadeOut * scale
  return Float32Array.from({ length }, (_, i) => {
    const up = rise === 0 ? 1 : Math.min(1, (i + 0.5) / rise)
    const down = fall === 0 ? 1 : Math.min(1, (length - i - 0.5) / fall)
    return Math.min(up, down)
  })
}
