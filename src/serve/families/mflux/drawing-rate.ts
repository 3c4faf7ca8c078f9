/** What a first picture is assumed to take: 80 s for a megapixel. */
const PRIOR = { seconds: 80, pixels: 1024 * 1024 }

/** How long a pixel takes, learned from finished pictures. */
export class DrawingRate {
  #seconds = PRIOR.seconds
  #pixels = PRIOR.pixels

  learn(pixels: number, seconds: number): void {
    this.#seconds += seconds
    this.#pixels += pixels
  }

  /** Seconds that so many pixels will take. */
  estimate(pixels: number): number {
    return (pixels * this.#seconds) / this.#pixels
  }
}
