import type { Tensor } from '../../tensor/tensor.ts'

/** Multiplies each token's vector by its weight and restores the mean over all, as the A1111 web UI does. States are [1, tokens, width]. */
export function weighByScaling({ data, shape }: Tensor, weights: readonly number[]): Tensor {
  const width = shape[2]!
  const scaled = data.map((value, i) => value * weights[Math.floor(i / width)]!)
  const ratio = mean(data) / mean(scaled)
  return { data: Number.isFinite(ratio) ? scaled.map((value) => value * ratio) : scaled, shape }
}

/** Moves each token's vector away from that of the empty prompt, or towards it, by its weight, as compel and ComfyUI do. */
export function weighFromEmpty({ data, shape }: Tensor, weights: readonly number[], empty: Tensor): Tensor {
  const width = shape[2]!
  return {
    data: data.map((value, i) => {
      const base = empty.data[i]!
      return base + weights[Math.floor(i / width)]! * (value - base)
    }),
    shape,
  }
}

function mean(data: Float32Array): number {
  return data.reduce((sum, value) => sum + value, 0) / data.length
}
