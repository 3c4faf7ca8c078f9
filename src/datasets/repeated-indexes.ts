const PAGE_BITS = 2 ** 19
const PAGES = 1024
/** 2²⁹ places: 64 MB when every page is in use, 64 KB for half a million rows counted from 0. */
const PLACES = PAGE_BITS * PAGES
const MAX_SUSPECTS = 1_000_000

/**
 * Finds indexes that occur twice, in at most 64 MB whatever the number of rows.
 *
 * Indexes below 2²⁹ have a bit each, so a bit that is already set is a repeat. Larger ones share the same bits by a hash:
 * a bit already set is then only a suspicion, and a second pass over the rows counts the suspects.
 */
export class RepeatedIndexes {
  readonly #pages: (Uint32Array | undefined)[] = []
  readonly #suspects = new Map<number, number>()
  #isExact = true

  /** First pass: every index once. */
  add(index: number): void {
    if (index >= PLACES) this.#isExact = false
    const place = index < PLACES ? index : scramble(index)
    const page = this.#openPage(Math.floor(place / PAGE_BITS))
    const word = (place % PAGE_BITS) >>> 5
    const bit = 1 << (place & 31)
    if ((page[word]! & bit) !== 0 && this.#suspects.size < MAX_SUSPECTS) this.#suspects.set(index, 0)
    page[word]! |= bit
  }

  #openPage(number: number): Uint32Array {
    const known = this.#pages[number]
    if (known) return known
    const page = new Uint32Array(PAGE_BITS / 32)
    this.#pages[number] = page
    return page
  }

  /** Whether suspects are left that only a second pass can clear. */
  get needsSecondPass(): boolean {
    return !this.#isExact && this.#suspects.size > 0
  }

  /** Second pass: every index once more. */
  recount(index: number): void {
    const count = this.#suspects.get(index)
    if (count !== undefined) this.#suspects.set(index, count + 1)
  }

  /** The first repeated indexes, in the order in which their repeats appear. */
  list(limit: number): number[] {
    const repeated = this.#isExact ? this.#suspects.keys() : this.#listCounted()
    const first: number[] = []
    for (const index of repeated) {
      if (first.length === limit) break
      first.push(index)
    }
    return first
  }

  *#listCounted(): Generator<number> {
    for (const [index, count] of this.#suspects) if (count > 1) yield index
  }
}

/** Spreads large indexes evenly over the places (a multiplicative hash over both halves of the number). */
function scramble(index: number): number {
  const low = Math.imul(index >>> 0, 0x9e3779b1)
  const high = Math.imul(Math.floor(index / 2 ** 32) + 0x7f4a7c15, 0x85ebca6b)
  const mixed = Math.imul(low ^ (high >>> 13) ^ (high << 7), 0xc2b2ae35)
  return ((mixed ^ (mixed >>> 15)) >>> 0) % PLACES
}
