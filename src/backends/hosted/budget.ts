import type { ImageRequest, Usage } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'

/** What became of a request for which money was set aside. */
export interface RequestOutcome {
  usage?: Usage | undefined
  error?: DiffgentorError | undefined
}

/** Money set aside for one request. */
export interface BudgetReservation {
  /** Ends the reservation, once. Returns what the request cost or may have cost in US dollars, when that is known. */
  settle(outcome: RequestOutcome): number | undefined
}

export interface BudgetOptions {
  /** What a request costs at most in US dollars, or of one picture when a number; undefined: not known. */
  price: number | ((request: ImageRequest) => number | undefined) | undefined
  /** The most that may be spent, in US dollars; absent: any sum, and prices only count along. */
  budget?: number | undefined
  /** US dollars that earlier runs spent. Default 0. */
  spentSoFar?: number | undefined
}

// Sums are kept in whole billionths of a dollar, so that thousands of prices add up exactly.
const UNITS = 1e9

/** Keeps a run within its budget: what is in flight counts as spent until it is settled. */
export class Budget {
  readonly #price: BudgetOptions['price']
  readonly #limit: number
  #spent: number
  #reserved = 0

  constructor({ price, budget, spentSoFar = 0 }: BudgetOptions) {
    this.#price = price
    this.#limit = budget === undefined ? Number.POSITIVE_INFINITY : toUnits(budget)
    this.#spent = toUnits(spentSoFar)
  }

  /** US dollars spent, as far as known. */
  get spentUsd(): number {
    return this.#spent / UNITS
  }

  /** US dollars set aside for requests in flight. */
  get reservedUsd(): number {
    return this.#reserved / UNITS
  }

  /** Takes in what earlier runs spent, in US dollars. */
  begin(spentUsd: number): void {
    this.#spent += toUnits(spentUsd)
  }

  /** Sets the most that a request can cost aside; throws `budget_exhausted` when it could pass the budget. */
  reserve(request: ImageRequest): BudgetReservation {
    const price = this.#priceOf(request)
    if (price === undefined && Number.isFinite(this.#limit)) throw unknownPrice('this request')
    const units = toUnits(price ?? 0)
    if (this.#spent + this.#reserved + units > this.#limit) throw this.#exhausted(units)
    this.#reserved += units
    return { settle: (outcome) => this.#settle(units, price, outcome) }
  }

  #settle(reserved: number, price: number | undefined, { usage, error }: RequestOutcome): number | undefined {
    this.#reserved -= reserved
    if (error && !mayBeBilled(error)) return undefined
    // A price given by the user outranks what the table makes of the provider's counts.
    const cost = typeof this.#price === 'number' ? price : (usage?.costUsd ?? price)
    this.#spent += toUnits(cost ?? 0)
    return cost
  }

  #priceOf(request: ImageRequest): number | undefined {
    return typeof this.#price === 'function' ? this.#price(request) : this.#price && this.#price * request.numImages
  }

  #exhausted(units: number): DiffgentorError {
    const [limit, spent, reserved, wanted] = [this.#limit, this.#spent, this.#reserved, units].map(formatUsd)
    return new DiffgentorError(
      'budget_exhausted',
      `The budget of ${limit} leaves no room for a request of up to ${wanted}: ${spent} are spent and ${reserved} are reserved for requests in flight; raise --budget to go on.`,
    )
  }
}

/** The error for a budget that nothing can be counted against. */
export function unknownPrice(what: string): DiffgentorError {
  return new DiffgentorError(
    'invalid_configuration',
    `--budget needs a price, and that of ${what} is not in the price table; give the price of one picture with --price.`,
    { field: 'budget' },
  )
}

/** A refusal or a request that never left costs nothing; an unanswered, an empty or an unreadable one may. */
function mayBeBilled({ code }: DiffgentorError): boolean {
  return code === 'upstream_ambiguous' || code === 'empty_answer' || code === 'upstream_failed'
}

function toUnits(usd: number): number {
  return Math.round(usd * UNITS)
}

function formatUsd(units: number): string {
  return `$${(units / UNITS).toFixed(4).replace(/(\.\d\d)(\d*?)0+$/, '$1$2')}`
}
