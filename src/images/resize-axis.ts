import type { Filter } from './resize-filters.ts'

/** A span of a source axis in pixels, from `start` to `end`. */
export interface Span {
  start: number
  end: number
}

/** Weights are kept in fixed point with so many bits after the point, as Pillow does for 8-bit pictures. */
export const PRECISION_BITS = 22

/** Which source pixels make each pixel of the result, and with which weights. */
export interface AxisPlan {
  /** Length of the result. */
  length: number
  firsts: Int32Array
  counts: Int32Array
  /** `taps` weights for each pixel of the result. */
  weights: Int32Array
  taps: number
}

/** Plans the resampling of a span of an axis to a length (Pillow's Resample.c, `precompute_coeffs`). */
export function planAxis(span: Span, sourceLength: number, length: number, filter: Filter): AxisPlan {
  const scale = (span.end - span.start) / length
  const filterScale = Math.max(scale, 1)
  const support = filter.support * filterScale
  const taps = Math.ceil(support) * 2 + 1
  const plan = {
    length,
    taps,
    firsts: new Int32Array(length),
    counts: new Int32Array(length),
    weights: new Int32Array(length * taps),
  }
  const raw = new Float64Array(taps)
  for (let i = 0; i < length; i++) {
    const center = span.start + (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(center - support + 0.5))
    const count = Math.min(sourceLength, Math.trunc(center + support + 0.5)) - first
    let sum = 0
    for (let k = 0; k < count; k++) {
      raw[k] = filter.weigh((k + first - center + 0.5) * (1 / filterScale))
      sum += raw[k]!
    }
    for (let k = 0; k < count; k++) {
      const weight = (sum === 0 ? raw[k]! : raw[k]! / sum) * 2 ** PRECISION_BITS
      plan.weights[i * taps + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5)
    }
    plan.firsts[i] = first
    plan.counts[i] = count
  }
  return plan
}

/** The source pixel of each pixel of the result. Pillow adds the step up instead of multiplying it, so ties fall its way. */
export function nearestIndices(span: Span, sourceLength: number, length: number): Int32Array {
  const step = (span.end - span.start) / length
  const indices = new Int32Array(length)
  for (let i = 0, position = span.start + 0.5 * step; i < length; i++, position += step) {
    indices[i] = Math.min(sourceLength - 1, Math.trunc(position))
  }
  return indices
}
