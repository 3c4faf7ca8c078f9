import type { ImageBackend, Size } from '../../contract/index.ts'

const MEGAPIXEL = 1024 * 1024

/** Both sides are floored to this, plus a little, so that exact quotients stay. */
const GRID = 32
const ROUNDING_SLACK = 1e-9

/**
 * The size of an edit that names none: for models made for one megapixel, that area in the shape of the source; undefined for
 * others, which keep the source's own size.
 */
export function defaultEditSize(backend: ImageBackend, source: Size): Size | undefined {
  const native = backend.capabilities.sizes?.default
  if (!native || native.width * native.height !== MEGAPIXEL) return undefined
  const ratio = source.width / source.height
  const width = Math.sqrt(MEGAPIXEL * ratio)
  return { width: floorToGrid(width), height: floorToGrid(width / ratio) }
}

function floorToGrid(side: number): number {
  return Math.max(GRID, Math.floor(side / GRID + ROUNDING_SLACK) * GRID)
}
