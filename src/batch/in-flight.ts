/** Counts the rows that are held, so that reading the data set waits while drawing or writing is slow. */
export class InFlight {
  readonly #most: number
  #count = 0
  #wake: (() => void) | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** Starts work on a row once there is room. The work must not reject. */
  async start(work: () => Promise<void>): Promise<void> {
    while (this.#count >= this.#most) await this.#change()
    this.#count++
    void work().finally(() => {
      this.#count--
      this.#wake?.()
    })
  }

  /** Resolves when no row is held. */
  async empty(): Promise<void> {
    while (this.#count > 0) await this.#change()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
