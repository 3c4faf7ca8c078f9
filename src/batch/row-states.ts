import type { RowStatus } from './ledger-entry.ts'

/** What is known of a row: nothing (`pending`), or the status of its last ledger line. */
export type RowState = 'pending' | RowStatus

const STATES = ['pending', 'started', 'done', 'failed', 'unknown', 'suspect', 'poison'] as const satisfies readonly RowState[]
const CODES = Object.fromEntries(STATES.map((state, code) => [state, code])) as Record<RowState, number>
const STATE_BITS = 0x0f
const TO_DO_BIT = 0x10
const TAKEN_BIT = 0x20

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
    this.#states[position] = CODES[status] | (this.#states[position]! & ~STATE_BITS)
    this.#addressLow[position] = address
    this.#addressHigh[position] = address / 2 ** 32
  }

  /** Address of the row's last line; meaningless while the row is pending. */
  addressOf(position: number): number {
    return this.#addressHigh[position]! * 2 ** 32 + this.#addressLow[position]!
  }

  /** Forgets what the ledger says of a row. */
  forget(position: number): void {
    this.#states[position]! &= ~STATE_BITS
  }

  /** Puts a row on the list of this run. */
  plan(position: number): void {
    this.#states[position]! |= TO_DO_BIT
  }

  /** Whether this run still has to take the row up. */
  isToDo(position: number): boolean {
    return (this.#states[position]! & (TO_DO_BIT | TAKEN_BIT)) === TO_DO_BIT
  }

  /** Whether the row is on the list, taken up or not. */
  isPlanned(position: number): boolean {
    return (this.#states[position]! & TO_DO_BIT) !== 0
  }

  /** Notes that this run took the row up. */
  take(position: number): void {
    this.#states[position]! |= TAKEN_BIT
  }

  /** The first row from a position on that this run still has to take up; undefined when there is none. */
  nextToDo(from: number): number | undefined {
    for (let position = from; position < this.size; position++) if (this.isToDo(position)) return position
    return undefined
  }
}
