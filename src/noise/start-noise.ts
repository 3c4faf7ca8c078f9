import type { Tensor } from '../tensor/tensor.ts'

/** How far the noise that a picture starts from is turned towards that of another seed. */
export interface NoiseVariation {
  /** Any integer, as the seed itself. */
  seed: number | bigint
  /** 0 is the seed's own noise, 1 the other one. */
  strength: number
}

/** Rows and columns of noise. */
export interface NoiseArea {
  height: number
  width: number
}

/** Noise more parallel than this is mixed straight, and with the shares changed over, as the origin does. */
const PARALLEL = 0.9995

/**
 * Turns noise [..., h, w] towards other noise of the same shape: spherical interpolation of each column of each plane
 * (stable-diffusion-webui, modules/rng.py, `slerp`), computed in double precision.
 */
export function turnNoise(from: Tensor, towards: Tensor, strength: number): Tensor {
  const [height = 1, width = 1] = from.shape.slice(-2)
  const columns = measureColumns(from.data, towards.data, height, width)
  const mean = columns.reduce((sum, cosine) => sum + cosine, 0) / columns.length
  const data = new Float32Array(from.data.length)
  for (const [column, cosine] of columns.entries()) {
    const [near, far] = mean > PARALLEL ? [strength, 1 - strength] : shares(cosine, strength)
    const first = Math.floor(column / width) * height * width + (column % width)
    for (let y = 0, at = first; y < height; y++, at += width) data[at] = near * from.data[at]! + far * towards.data[at]!
  }
  return { data, shape: from.shape }
}

/** The cosine of the angle between each two columns. */
function measureColumns(a: Float32Array, b: Float32Array, height: number, width: number): Float64Array {
  const columns = new Float64Array(a.length / height)
  for (let column = 0; column < columns.length; column++) {
    const first = Math.floor(column / width) * height * width + (column % width)
    let [aa, bb, ab] = [0, 0, 0]
    for (let y = 0, at = first; y < height; y++, at += width) {
      aa += a[at]! * a[at]!
      bb += b[at]! * b[at]!
      ab += a[at]! * b[at]!
    }
    columns[column] = ab / Math.sqrt(aa * bb)
  }
  return columns
}

function shares(cosine: number, strength: number): [near: number, far: number] {
  const angle = Math.acos(Math.max(-1, Math.min(1, cosine)))
  const sine = Math.sin(angle)
  if (sine === 0) return [1 - strength, strength]
  return [Math.sin((1 - strength) * angle) / sine, Math.sin(strength * angle) / sine]
}

/** Lays noise into the middle of a canvas of the same planes; what stands over is cut off at both sides. Fills the canvas itself. */
export function layIntoMiddle(canvas: Tensor, noise: Tensor): Tensor {
  const [tall = 1, wide = 1] = canvas.shape.slice(-2)
  const [height = 1, width = 1] = noise.shape.slice(-2)
  const rows = alignMiddle(height, tall)
  const columns = alignMiddle(width, wide)
  for (let plane = 0; plane < canvas.data.length / (tall * wide); plane++) {
    for (let y = 0; y < rows.length; y++) {
      const from = (plane * height + rows.from + y) * width + columns.from
      const to = (plane * tall + rows.to + y) * wide + columns.to
      canvas.data.set(noise.data.subarray(from, from + columns.length), to)
    }
  }
  return canvas
}

/** Where a span goes on an axis, and which part of it, in the origin's rounding. */
function alignMiddle(length: number, target: number): { from: number; to: number; length: number } {
  const shift = Math.floor((target - length) / 2)
  return { from: Math.max(-shift, 0), to: Math.max(shift, 0), length: shift >= 0 ? length : length + 2 * shift }
}
