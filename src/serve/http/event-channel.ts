/** Turns pushed values into an async iterable, for progress that arrives by callback. */
export class EventChannel<T> implements AsyncIterable<T> {
  #values: T[] = []
  #isEnded = false
  #wake: () => void = () => undefined

  push(value: T): void {
    this.#values.push(value)
    this.#wake()
  }

  end(): void {
    this.#isEnded = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (true) {
      const value = this.#values.shift()
      if (value !== undefined) yield value
      else if (this.#isEnded) return
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }
}
