import type { ImageRequest } from '../../contract/index.ts'
import { type ModelPrice, PRICE_TABLE } from './price-table.ts'

/** More than any listed model bills for one source picture: tiles, base and the surcharge of high fidelity. */
const SOURCE_PICTURE_TOKENS = 7_000
const MILLION = 1_000_000

/** The table's entry for a model, by its name without a provider's prefix; dated snapshots cost what the model costs. */
export function findModelPrice(model: string): ModelPrice | undefined {
  const name = model.replace(/^models\//, '')
  return PRICE_TABLE[name] ?? PRICE_TABLE[name.replace(/-\d{4}-\d\d-\d\d$/, '')]
}

/** What one picture of a request costs at most, in US dollars, without its inputs; undefined when that is not known. */
export function pricePicture(model: string, request: Pick<ImageRequest, 'size' | 'extra'>): number | undefined {
  const price = findModelPrice(model)
  if (!price) return undefined
  const { size, quality } = readWishes(request)
  const known = price.pictures.filter(
    (picture) =>
      (size === undefined || !picture.sizes || !isComparable(size, picture.sizes) || picture.sizes.includes(size)) &&
      (quality === undefined || picture.quality === undefined || picture.quality === quality),
  )
  // Where the provider chooses, the dearest choice counts.
  return known.length === 0 ? undefined : Math.max(...known.map(({ usd }) => usd))
}

/** Pixels say nothing about a price by size class, and the other way round. */
function isComparable(size: string, sizes: readonly string[]): boolean {
  return sizes.some((listed) => listed.includes('x')) === size.includes('x')
}

/** What a request can cost at most, inputs included, in US dollars; undefined when that is not known. */
export function priceRequest(model: string, request: ImageRequest): number | undefined {
  const picture = pricePicture(model, request)
  if (picture === undefined) return undefined
  const tokens = findModelPrice(model)?.tokens
  if (!tokens) return picture * request.numImages
  // No tokenizer makes more tokens than there are bytes.
  const text = Buffer.byteLength(request.prompt) * tokens.textInput
  const sources = (request.edit?.images.length ?? 0) + (request.edit?.mask ? 1 : 0)
  return (picture + (text + sources * SOURCE_PICTURE_TOKENS * tokens.imageInput) / MILLION) * request.numImages
}

/** Tokens as a provider counted them. */
export interface TokenCounts {
  textInput: number
  imageInput: number
  imageOutput: number
  textOutput: number
}

/** What counted tokens cost, in US dollars; undefined for a model that the table does not bill by tokens. */
export function priceTokens(model: string, counts: TokenCounts): number | undefined {
  const tokens = findModelPrice(model)?.tokens
  if (!tokens) return undefined
  const { textInput, imageInput, imageOutput, textOutput = imageOutput } = tokens
  const input = counts.textInput * textInput + counts.imageInput * imageInput
  return (input + counts.imageOutput * imageOutput + counts.textOutput * textOutput) / MILLION
}

/** Size and quality as the table calls them; undefined where the provider chooses. */
function readWishes({ size, extra }: Pick<ImageRequest, 'size' | 'extra'>): { size?: string; quality?: string } {
  const asked = extra?.['size'] ?? extra?.['image_size'] ?? extra?.['imageSize'] ?? (size && `${size.width}x${size.height}`)
  const quality = extra?.['quality']
  return {
    ...(typeof asked === 'string' && asked !== 'auto' && { size: asked }),
    ...(typeof quality === 'string' && quality !== 'auto' && { quality }),
  }
}
