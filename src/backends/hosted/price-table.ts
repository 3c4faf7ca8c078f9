/** US dollars for a million tokens. */
export interface TokenPrices {
  textInput: number
  imageInput: number
  imageOutput: number
  /** Words beside the picture, thoughts included; absent: taken for picture tokens, the dearest. */
  textOutput?: number
}

/** What one picture costs, at a size and quality; absent: at any. */
export interface PicturePrice {
  sizes?: readonly string[]
  quality?: string
  usd: number
}

export interface ModelPrice {
  /** Year and month in which the provider's public price list said so. */
  asOf: string
  /** Empty: known only when it was drawn, from the tokens that it took. */
  pictures: readonly PicturePrice[]
  /** Absent: billed by the picture alone. */
  tokens?: TokenPrices
}

const SQUARE = ['1024x1024']
const OBLONG = ['1536x1024', '1024x1536']

/** Low, medium and high quality at 1024x1024, then at 1536x1024 and 1024x1536. */
function byQuality(square: readonly [number, number, number], oblong: readonly [number, number, number]): PicturePrice[] {
  return ['low', 'medium', 'high'].flatMap((quality, place) => [
    { sizes: SQUARE, quality, usd: square[place]! },
    { sizes: OBLONG, quality, usd: oblong[place]! },
  ])
}

const GPT_IMAGE_1_5 = {
  asOf: '2025-12',
  pictures: byQuality([0.009, 0.034, 0.133], [0.013, 0.05, 0.2]),
  tokens: { textInput: 5, imageInput: 8, imageOutput: 32, textOutput: 10 },
}
const GPT_IMAGE_2_TOKENS = { textInput: 5, imageInput: 8, imageOutput: 30 }

const GEMINI_3_PRO = {
  pictures: [
    { sizes: ['1K', '2K'], usd: 0.134 },
    { sizes: ['4K'], usd: 0.24 },
  ],
  tokens: { textInput: 2, imageInput: 2, imageOutput: 120, textOutput: 12 },
}
const GEMINI_3_1_FLASH = {
  asOf: '2026-05',
  pictures: [
    { sizes: ['512'], usd: 0.045 },
    { sizes: ['1K'], usd: 0.067 },
    { sizes: ['2K'], usd: 0.101 },
    { sizes: ['4K'], usd: 0.151 },
  ],
  tokens: { textInput: 0.5, imageInput: 0.5, imageOutput: 60, textOutput: 3 },
}

/**
 * List prices of hosted models, as developers.openai.com/api/docs/pricing and ai.google.dev/gemini-api/docs/pricing told them in the
 * month given, without discounts, taxes and free tiers. A model or size that does not stand here has no
 * known price, which is never taken for free; `--price` gives one.
 */
export const PRICE_TABLE: Readonly<Record<string, ModelPrice>> = {
  'gpt-image-1': {
    asOf: '2025-12',
    pictures: byQuality([0.011, 0.042, 0.167], [0.016, 0.063, 0.25]),
    tokens: { textInput: 5, imageInput: 10, imageOutput: 40 },
  },
  'gpt-image-1-mini': {
    asOf: '2025-12',
    pictures: byQuality([0.005, 0.011, 0.036], [0.006, 0.015, 0.052]),
    tokens: { textInput: 2, imageInput: 2.5, imageOutput: 8 },
  },
  'gpt-image-1.5': GPT_IMAGE_1_5,
  'chatgpt-image-latest': GPT_IMAGE_1_5,
  'gpt-image-2': {
    asOf: '2026-05',
    pictures: byQuality([0.006, 0.053, 0.211], [0.005, 0.041, 0.165]),
    tokens: GPT_IMAGE_2_TOKENS,
  },
  'gpt-image-2.5-flare': { asOf: '2026-09', pictures: [], tokens: GPT_IMAGE_2_TOKENS },
  'gpt-image-2.5-sunburst': { asOf: '2026-09', pictures: [], tokens: GPT_IMAGE_2_TOKENS },
  'gpt-image-2.6-sunburst': { asOf: '2026-11', pictures: [], tokens: GPT_IMAGE_2_TOKENS },
  'dall-e-3': {
    asOf: '2025-12',
    pictures: [
      { sizes: ['1024x1024'], quality: 'standard', usd: 0.04 },
      { sizes: ['1792x1024', '1024x1792'], quality: 'standard', usd: 0.08 },
      { sizes: ['1024x1024'], quality: 'hd', usd: 0.08 },
      { sizes: ['1792x1024', '1024x1792'], quality: 'hd', usd: 0.12 },
    ],
  },
  'dall-e-2': {
    asOf: '2025-12',
    pictures: [
      { sizes: ['256x256'], usd: 0.016 },
      { sizes: ['512x512'], usd: 0.018 },
      { sizes: ['1024x1024'], usd: 0.02 },
    ],
  },
  'gemini-2.5-flash-image': {
    asOf: '2025-12',
    pictures: [{ usd: 0.039 }],
    tokens: { textInput: 0.3, imageInput: 0.3, imageOutput: 30, textOutput: 2.5 },
  },
  'gemini-3-pro-image-preview': { asOf: '2025-12', ...GEMINI_3_PRO },
  'gemini-3-pro-image': { asOf: '2026-05', ...GEMINI_3_PRO },
  'nano-banana-pro-preview': { asOf: '2025-12', ...GEMINI_3_PRO },
  'gemini-3.1-flash-image-preview': GEMINI_3_1_FLASH,
  'gemini-3.1-flash-image': GEMINI_3_1_FLASH,
  'gemini-3.1-flash-lite-image': { asOf: '2026-07', pictures: [{ sizes: ['1K'], usd: 0.0336 }] },
  'imagen-4.0-fast-generate-001': { asOf: '2025-12', pictures: [{ usd: 0.02 }] },
  'imagen-4.0-generate-001': { asOf: '2025-12', pictures: [{ usd: 0.04 }] },
  'imagen-4.0-ultra-generate-001': { asOf: '2025-12', pictures: [{ usd: 0.06 }] },
}
