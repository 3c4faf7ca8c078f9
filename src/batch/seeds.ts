const SEEDS = 2 ** 32

/** The seeds of one row: `(base + index·n + j) mod 2³²` for its n pictures, or `rowSeed + j` where the row has its own. */
export function rowSeeds(baseSeed: number, index: number, numImages: number, rowSeed?: number): number[] {
  const first = rowSeed === undefined ? addProduct(baseSeed, index, numImages) : wrap(rowSeed)
  return Array.from({ length: numImages }, (_, image) => (first + image) % SEEDS)
}

/** A base seed drawn at random. */
export function drawBaseSeed(random: () => number): number {
  return Math.floor(random() * SEEDS)
}

/** A seed brought into 0 … 2³²−1. */
export function wrap(seed: number): number {
  return ((seed % SEEDS) + SEEDS) % SEEDS
}

function addProduct(base: number, index: number, numImages: number): number {
  const sum = base + index * numImages
  // Indexes may be any safe integer, so the product may not be one.
  return Number.isSafeInteger(sum) ? wrap(sum) : Number(BigInt.asUintN(32, BigInt(base) + BigInt(index) * BigInt(numImages)))
}
