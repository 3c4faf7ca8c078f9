import { accumulateScaled, divideBy, scaledDifference, weightedSum } from '../tensor/arithmetic.ts'
import type { SolverLevel } from './solver-levels.ts'

const { fround } = Math
const expm1 = (value: number) => fround(Math.expm1(value))

/** `bh1` weighs differences by h, `bh2` by e^h − 1. */
export type UnipcSolverType = 'bh1' | 'bh2'

/** The part of a configuration that the updates depend on. */
export interface UnipcSetting {
  readonly solver_type: UnipcSolverType
  /** Solves for the picture (true) or for the noise. */
  readonly predict_x0: boolean
}

/** What a predictor or corrector step starts from: outputs newest first, with the levels that they were made at. */
export interface UnipcHistory {
  readonly latents: Float32Array
  readonly outputs: readonly Float32Array[]
  readonly levels: readonly SolverLevel[]
}

/**
 * UniP or UniC of a given order (Zhao et al., "UniPC", 2023). With `corrector`, the output at the level gone to, the step goes
 * there again and uses it; without, it predicts.
 */
export function unipcUpdate(
  setting: UnipcSetting,
  order: number,
  history: UnipcHistory,
  to: SolverLevel,
  corrector?: Float32Array,
): Float32Array {
  const { latents, outputs, levels } = history
  const from = levels[0]!
  const newest = outputs[0]!
  const h = fround(to.lambda - from.lambda)
  const ratios = levels.slice(1, order).map(({ lambda }) => fround(fround(lambda - from.lambda) / h))
  const hh = setting.predict_x0 ? -h : h
  const growth = expm1(hh)
  const scale = setting.solver_type === 'bh1' ? hh : growth
  const weights = differenceWeights(corrector !== undefined, [...ratios, 1], moments(hh, growth, scale, order))

  const latentsWeight = setting.predict_x0 ? fround(to.sigma / from.sigma) : fround(to.alpha / from.alpha)
  const level = setting.predict_x0 ? to.alpha : to.sigma
  const change = new Float32Array(latents.length)
  for (const [age, ratio] of ratios.entries()) {
    accumulateScaled(change, weights[age]!, divideBy(scaledDifference(1, outputs[age + 1]!, newest), ratio))
  }
  if (corrector !== undefined) accumulateScaled(change, weights.at(-1)!, scaledDifference(1, corrector, newest))
  const next = weightedSum(latentsWeight, latents, -fround(level * growth), newest)
  accumulateScaled(next, -fround(level * scale), change)
  return next
}

/** The right sides of the order conditions. */
function moments(hh: number, growth: number, scale: number, order: number): number[] {
  const values: number[] = []
  let phi = fround(fround(growth / hh) - 1)
  let factorial = 1
  for (let power = 1; power <= order; power++) {
    values.push(fround(fround(phi * factorial) / scale))
    factorial *= power + 1
    phi = fround(fround(phi / hh) - 1 / factorial)
  }
  return values
}

/** Weights of the differences: a half where one is enough, else the solution of the order conditions. */
function differenceWeights(corrects: boolean, ratios: readonly number[], values: readonly number[]): number[] {
  const unknowns = corrects ? ratios.length : ratios.length - 1
  if (unknowns === 1) return [0.5]
  const rows = Array.from({ length: unknowns }, (_, power) => [
    ...ratios.slice(0, unknowns).map((ratio) => ratio ** power),
    values[power]!,
  ])
  return solveLinear(rows).map(fround)
}

/** Gaussian elimination with pivoting; the last column is the right side. */
function solveLinear(rows: number[][]): number[] {
  for (let pivot = 0; pivot < rows.length; pivot++) {
    let best = pivot
    for (let row = pivot + 1; row < rows.length; row++)
      if (Math.abs(rows[row]![pivot]!) > Math.abs(rows[best]![pivot]!)) best = row
    ;[rows[pivot], rows[best]] = [rows[best]!, rows[pivot]!]
    for (let row = 0; row < rows.length; row++) {
      if (row === pivot) continue
      const factor = rows[row]![pivot]! / rows[pivot]![pivot]!
      rows[row] = rows[row]!.map((value, column) => value - factor * rows[pivot]![column]!)
    }
  }
  return rows.map((row, index) => row.at(-1)! / row[index]!)
}
