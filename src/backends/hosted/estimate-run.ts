import type { BatchSettings } from '../../config/settings.ts'
import { Budget, unknownPrice } from './budget.ts'
import { findModelPrice, pricePicture, priceRequest } from './price-request.ts'

/** The part of the settings that money depends on. */
export type MoneySettings = Pick<BatchSettings, 'price' | 'budget' | 'size' | 'width' | 'height' | 'extra'>

export interface EstimateOptions {
  rows: number
  /** Pictures over all rows. */
  images: number
  /** The backend's name in the registry. */
  backend: string
  model: string
  settings: MoneySettings
}

/** What a run would cost. */
export interface RunEstimate {
  rows: number
  images: number
  /** At most, in US dollars, without source pictures and prompts; undefined: not known, which is not free. */
  perImageUsd: number | undefined
  totalUsd: number | undefined
  /** One sentence on where the price comes from, or that it is unknown. */
  note: string
}

const HOSTED: ReadonlySet<string> = new Set(['openai', 'google_genai'])

/** Rows × price, from `--price` or the price table. Undefined for backends that cost nothing. */
export function estimateRun({ rows, images, backend, model, settings }: EstimateOptions): RunEstimate | undefined {
  if (!HOSTED.has(backend)) return undefined
  const perImageUsd = settings.price ?? pricePicture(model, wishesOf(settings))
  const totalUsd = perImageUsd === undefined ? undefined : Math.round(perImageUsd * images * 1e9) / 1e9
  return { rows, images, perImageUsd, totalUsd, note: explain(model, settings, perImageUsd) }
}

function explain(model: string, { price }: MoneySettings, perImageUsd: number | undefined): string {
  if (price !== undefined) return 'At the price given with --price.'
  if (perImageUsd === undefined) return `The price of ${model} is unknown; give the price of one picture with --price.`
  return `At most, at the list price of ${findModelPrice(model)?.asOf}, without source pictures and prompts.`
}

/**
 * The budget of a run, from its settings: pass it to the batch as its gate. A budget without a known price is an
 * `invalid_configuration` error; rows that ask for other sizes or qualities are priced one by one.
 */
export function openBudget(model: string, settings: MoneySettings): Budget {
  const { price, budget } = settings
  if (budget !== undefined && price === undefined && pricePicture(model, wishesOf(settings)) === undefined) {
    throw unknownPrice(model)
  }
  return new Budget({ price: price ?? ((request) => priceRequest(model, request)), budget })
}

function wishesOf({ size, width, height, extra }: MoneySettings): Parameters<typeof pricePicture>[1] {
  return { size: size ?? (width && height ? { width, height } : undefined), extra }
}
