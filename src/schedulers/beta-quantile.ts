/** Both shape parameters of the distribution: "Beta sampling is all you need" (Lee et al., 2024). */
const SHAPE = 0.6
/** B(0.6, 0.6) = Γ(0.6)² / Γ(1.2). */
const BETA_FUNCTION = 1.4891922488128171 ** 2 / 0.9181687423997607
const PRECISION = 1e-15
const MAX_ITERATIONS = 200

/** The quantile function of the Beta(0.6, 0.6) distribution. */
export function betaQuantile(probability: number): number {
  if (probability <= 0) return 0
  if (probability >= 1) return 1
  // The distribution is symmetric, and the continued fraction converges fast only below the middle.
  if (probability > 0.5) return 1 - betaQuantile(1 - probability)
  let low = 0
  let high = 0.5
  let x = Math.min(0.5, (probability * SHAPE * BETA_FUNCTION) ** (1 / SHAPE))
  for (let iteration = 0; iteration < MAX_ITERATIONS; iteration++) {
    const excess = lowerProbability(x) - probability
    if (excess > 0) high = x
    else low = x
    const density = (x * (1 - x)) ** (SHAPE - 1) / BETA_FUNCTION
    const newton = x - excess / density
    const next = newton > low && newton < high ? newton : (low + high) / 2
    if (Math.abs(next - x) <= PRECISION * next) return next
    x = next
  }
  return x
}

/** The distribution function for x ≤ 0.5, by the continued fraction of the incomplete beta function (modified Lentz). */
function lowerProbability(x: number): number {
  let c = 1
  let d = 1 / (1 - ((2 * SHAPE) / (SHAPE + 1)) * x)
  let fraction = d
  for (let m = 1; m < MAX_ITERATIONS; m++) {
    const position = SHAPE + 2 * m
    const even = (m * (SHAPE - m) * x) / ((position - 1) * position)
    d = 1 / (1 + even * d)
    c = 1 + even / c
    fraction *= d * c
    const odd = (-(SHAPE + m) * (2 * SHAPE + m) * x) / (position * (position + 1))
    d = 1 / (1 + odd * d)
    c = 1 + odd / c
    fraction *= d * c
    if (Math.abs(d * c - 1) < PRECISION) break
  }
  return ((x * (1 - x)) ** SHAPE / (SHAPE * BETA_FUNCTION)) * fraction
}
