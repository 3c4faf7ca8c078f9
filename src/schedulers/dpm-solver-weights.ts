import { DiffgentorError } from '../errors.ts'
import { accumulateScaled, weightedSum } from '../tensor/arithmetic.ts'
import type { SolverLevel } from './solver-levels.ts'

const { fround, sqrt } = Math
const exp = (value: number) => fround(Math.exp(value))

/** `++` solves for the picture, the others for the noise; `sde-` adds fresh noise on every step. */
export type DpmAlgorithm = 'dpmsolver' | 'dpmsolver++' | 'sde-dpmsolver' | 'sde-dpmsolver++'

/** How the second-order term is weighted. */
export type DpmSolverType = 'midpoint' | 'heun'

/** Weights of one update: x' = latents·x + d0·D₀ + d1·D₁ + d2·D₂ + noise·ε. A weight that is 0 stands for a term left out. */
export interface UpdateWeights {
  readonly latents: number
  readonly d0: number
  readonly d1: number
  readonly d2: number
  readonly noise: number
}

/**
 * Weights of a step between two levels (Lu et al., "DPM-Solver++", 2022, appendix; the SDE forms are theirs too). Every scalar
 * operation is rounded to float32, because the reference holds the levels as float32 tensors.
 */
export function updateWeights(
  algorithm: DpmAlgorithm,
  solverType: DpmSolverType,
  order: number,
  from: SolverLevel,
  to: SolverLevel,
): UpdateWeights {
  const h = fround(to.lambda - from.lambda)
  switch (algorithm) {
    case 'dpmsolver++':
      return pictureWeights(solverType, order, from, to, h)
    case 'dpmsolver':
      return noiseWeights(solverType, order, from, to, h)
    case 'sde-dpmsolver++':
      return stochasticPictureWeights(solverType, order, from, to, h)
    case 'sde-dpmsolver':
      return stochasticNoiseWeights(solverType, order, from, to, h)
  }
}

function pictureWeights(solverType: DpmSolverType, order: number, from: SolverLevel, to: SolverLevel, h: number): UpdateWeights {
  const decay = fround(exp(-h) - 1)
  const d0 = -fround(to.alpha * decay)
  const linear = fround(to.alpha * fround(fround(decay / h) + 1))
  return {
    latents: fround(to.sigma / from.sigma),
    d0,
    d1: order === 1 ? 0 : order === 3 || solverType === 'heun' ? linear : fround(0.5 * d0),
    d2: order < 3 ? 0 : -fround(to.alpha * fround(fround(fround(decay + h) / fround(h * h)) - 0.5)),
    noise: 0,
  }
}

function noiseWeights(solverType: DpmSolverType, order: number, from: SolverLevel, to: SolverLevel, h: number): UpdateWeights {
  const growth = fround(exp(h) - 1)
  const d0 = -fround(to.sigma * growth)
  const linear = -fround(to.sigma * fround(fround(growth / h) - 1))
  return {
    latents: fround(to.alpha / from.alpha),
    d0,
    d1: order === 1 ? 0 : order === 3 || solverType === 'heun' ? linear : fround(0.5 * d0),
    d2: order < 3 ? 0 : -fround(to.sigma * fround(fround(fround(growth - h) / fround(h * h)) - 0.5)),
    noise: 0,
  }
}

function stochasticPictureWeights(
  solverType: DpmSolverType,
  order: number,
  from: SolverLevel,
  to: SolverLevel,
  h: number,
): UpdateWeights {
  const twice = fround(2 * h)
  const lost = fround(1 - exp(-twice))
  const d0 = fround(to.alpha * lost)
  const linear = fround(to.alpha * fround(fround(lost / -twice) + 1))
  return {
    latents: fround(fround(to.sigma / from.sigma) * exp(-h)),
    d0,
    d1: order === 1 ? 0 : order === 3 || solverType === 'heun' ? linear : fround(0.5 * d0),
    d2: order < 3 ? 0 : fround(to.alpha * fround(fround(fround(lost - twice) / fround(twice * twice)) - 0.5)),
    noise: fround(to.sigma * fround(sqrt(lost))),
  }
}

function stochasticNoiseWeights(
  solverType: DpmSolverType,
  order: number,
  from: SolverLevel,
  to: SolverLevel,
  h: number,
): UpdateWeights {
  if (order === 3) throw new DiffgentorError('unsupported', 'sde-dpmsolver has no third-order step; take solver_order 1 or 2.')
  const growth = fround(exp(h) - 1)
  const base = fround(to.sigma * growth)
  const linear = fround(2 * fround(to.sigma * fround(fround(growth / h) - 1)))
  return {
    latents: fround(to.alpha / from.alpha),
    d0: -fround(2 * base),
    d1: order === 1 ? 0 : solverType === 'heun' ? -linear : -base,
    d2: 0,
    noise: fround(to.sigma * fround(sqrt(fround(exp(fround(2 * h)) - 1)))),
  }
}

/** The terms that an update weighs. `d1` and `d2` are differences of predictions, present by the order of the step. */
export interface UpdateTerms {
  readonly latents: Float32Array
  readonly d0: Float32Array
  readonly d1?: Float32Array | undefined
  readonly d2?: Float32Array | undefined
  readonly noise?: Float32Array | undefined
}

/** The weighted sum, term by term, each rounded to float32. */
export function applyUpdate(weights: UpdateWeights, terms: UpdateTerms): Float32Array {
  const { latents, d0, d1, d2, noise } = terms
  const next = weightedSum(weights.latents, latents, weights.d0, d0)
  if (d1 !== undefined) accumulateScaled(next, weights.d1, d1)
  if (d2 !== undefined) accumulateScaled(next, weights.d2, d2)
  if (noise !== undefined) accumulateScaled(next, weights.noise, noise)
  return next
}
