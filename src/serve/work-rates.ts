/** Weight of the newest measurement in the running mean. */
const NEWEST_SHARE = 0.3

/** How long work takes, learned from finished work. */
export class WorkRates {
  readonly #secondsPerCost = new Map<string, number>()

  /** Learns from work that took so many seconds. */
  record(model: string, cost: number, seconds: number): void {
    if (cost <= 0) return
    const newest = seconds / cost
    const known = this.#secondsPerCost.get(model)
    this.#secondsPerCost.set(model, known === undefined ? newest : known * (1 - NEWEST_SHARE) + newest * NEWEST_SHARE)
  }

  /** Seconds that such work will take; a model never measured is judged by the others. Undefined when nothing was measured yet. */
  estimateSeconds(model: string, cost: number): number | undefined {
    const rate = this.#secondsPerCost.get(model) ?? this.#meanRate()
    return rate === undefined ? undefined : rate * cost
  }

  #meanRate(): number | undefined {
    if (this.#secondsPerCost.size === 0) return undefined
    return [...this.#secondsPerCost.values()].reduce((total, rate) => total + rate, 0) / this.#secondsPerCost.size
  }
}
