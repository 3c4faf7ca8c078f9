const { fround, sqrt, log } = Math

/** A noise level as the exponential integrators see it: latents are α·x₀ + σ·ε, and λ = ln(α / σ). */
export interface SolverLevel {
  readonly alpha: number
  readonly sigma: number
  readonly lambda: number
  /** The entry of the sigma table; for flows it is σ itself. */
  readonly tableSigma: number
}

/** The level of an entry of the sigma table. At σ = 0, λ is infinite. */
export function solverLevel(tableSigma: number, isFlow: boolean): SolverLevel {
  const alpha = isFlow ? fround(1 - tableSigma) : fround(1 / fround(sqrt(fround(fround(tableSigma * tableSigma) + 1))))
  const sigma = isFlow ? tableSigma : fround(tableSigma * alpha)
  return { alpha, sigma, lambda: fround(fround(log(alpha)) - fround(log(sigma))), tableSigma }
}
