import type { RowStatus } from './ledger-entry.ts'

/** What is known of a row: nothing (`pending`), or the status of its last ledger line. */
export type RowState = 'pending' | RowStatus

const STATES = ['pending', 'started', 'done', 'failed', 'unknown', 'suspect', 'poison'] as const satisfies readonly RowState[]
const CODES = Object.fromEntries(STATES.map((state, code) => [state, code])) as Record<RowState, number>
const STATE_BITS = 0x0f
const WORKED_BIT = 0x10

/** The state of every row by its position, in 7 bytes a row: a byte of state and the address of its last ledger line. */
export class RowStates {
  readonly #states: Uint8Array
  readonly #addressLow: Uint32Array
  readonly #addressHigh: Uint16Array
  /** Rows in the data set. */
  readonly size: number

  constructor(size: number) {
    this.size = size
    this.#states = new Uint8Array(size)
    this.#addressLow = new Uint32Array(size)
    this.#addressHigh = new Uint16Array(size)
  }

  get(position: number): RowState {
    return STATES[this.#states[position]! & STATE_BITS]!
  }

  /** Notes a ledger line; positions outside the data set are left out. `address` counts bytes over all ledger files. */
  record(position: number, status: RowStatus, address: number): void {
    if (position >= this.size) return
    this.#states[position] = CODES[status] | (this.#states[position]! & WORKED_BIT)
    this.#addressLow[position] = address
    this.#addressHigh[position] = address / 2 ** 32
  }

  /** Address of the row's last line; meaningless while the row is pending. */
  addressOf(position: number): number {
    return this.#addressHigh[position]! * 2 ** 32 + this.#addressLow[position]!
  }

  /** Forgets what the ledger says: the row is to be worked. */
  reopen(position: number): void {
    this.#states[position] = CODES.pending | (this.#states[position]! & WORKED_BIT)
  }

  /** Marks a row as taken up by this run; false when it was already. */
  take(position: number): boolean {
    if (this.#states[position]! & WORKED_BIT) return false
    this.#states[position]! |= WORKED_BIT
    return true
  }

  /** Whether this run took the row up. */
  isTaken(position: number): boolean {
    return (this.#states[position]! & WORKED_BIT) !== 0
  }
}
