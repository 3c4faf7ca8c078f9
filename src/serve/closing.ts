/** Work to be ended with the server. `now` fires when there is no more time for it. */
type ClosingWork = (now: AbortSignal) => Promise<void>

/** What else has to end before a server does. */
export class Closing {
  readonly #works: ClosingWork[] = []
  readonly #now = new AbortController()

  add(work: ClosingWork): void {
    this.#works.push(work)
  }

  /** Ends everything in good order. */
  async finish(): Promise<void> {
    await Promise.all(this.#works.splice(0).map((work) => work(this.#now.signal)))
  }

  /** Ends everything at once. */
  async stop(): Promise<void> {
    this.#now.abort()
    await this.finish()
  }
}
