/** A resampling kernel: zero beyond `support` pixels of the larger grid. */
export interface Filter {
  support: number
  weigh(distance: number): number
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI)
}

export const box: Filter = { support: 0.5, weigh: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) }

export const triangle: Filter = { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) }

export const hamming: Filter = {
  support: 1,
  weigh(x) {
    if (x === 0) return 1
    if (Math.abs(x) >= 1) return 0
    return sinc(x) * (0.54 + 0.46 * Math.cos(x * Math.PI))
  },
}

/** Keys' cubic with a = −0.5. */
export const bicubic: Filter = {
  support: 2,
  weigh(x) {
    const distance = Math.abs(x)
    if (distance < 1) return (1.5 * distance - 2.5) * distance * distance + 1
    if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * -0.5
    return 0
  },
}

export const lanczos: Filter = { support: 3, weigh: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) }
