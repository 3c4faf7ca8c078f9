const SMALLEST_SIGMA = 1e-10

/** Finds the fractional timestep of a noise level, linear in the logarithm of the table of rising levels. */
export function createSigmaToTimestep(sigmas: Float32Array): (sigma: number) => number {
  const logs = sigmas.map(Math.log)
  return (sigma) => {
    const log = Math.log(Math.max(sigma, SMALLEST_SIGMA))
    const low = Math.min(Math.max(countAtMost(logs, log) - 1, 0), logs.length - 2)
    const weight = (logs[low]! - log) / (logs[low]! - logs[low + 1]!)
    const clamped = Math.min(Math.max(weight, 0), 1)
    return (1 - clamped) * low + clamped * (low + 1)
  }
}

/** How many of the rising values are at most the limit. */
function countAtMost(values: Float32Array, limit: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle]! <= limit) low = middle + 1
    else high = middle
  }
  return low
}
