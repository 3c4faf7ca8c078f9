import type { GeneratedImage, ImageRequest, Usage } from '../../contract/index.ts'
import { findModelPrice, pricePicture, priceTokens } from '../hosted/price-request.ts'
import { asObject } from '../hosted/read-json.ts'

/** One picture of an answer: its bytes, or where they are. */
export interface AnsweredPicture {
  source: { bytes: Uint8Array } | { url: string }
  revisedPrompt: string | undefined
}

/** The pictures of an answer, in order; entries without one are left out. Undefined: not an answer of the images API. */
export function readPictures(answer: unknown): AnsweredPicture[] | undefined {
  const data = asObject(answer)?.['data']
  if (!Array.isArray(data)) return undefined
  return data.flatMap((entry): AnsweredPicture[] => {
    const { b64_json: base64, url, revised_prompt: revised } = asObject(entry) ?? {}
    const revisedPrompt = typeof revised === 'string' ? revised : undefined
    // In large answers, texts that are pictures come decoded.
    const inline = [base64, url].find((value) => value instanceof Uint8Array)
    if (inline) return [{ source: { bytes: inline }, revisedPrompt }]
    if (typeof base64 === 'string' && base64 !== '') return [{ source: { bytes: decode(base64) }, revisedPrompt }]
    if (typeof url !== 'string' || url === '') return []
    const isInline = url.startsWith('data:')
    return [{ source: isInline ? { bytes: decode(url) } : { url }, revisedPrompt }]
  })
}

/** What the provider counted, and what that costs by the price table; of models billed by tokens nothing is known without counts. */
export function readUsage(answer: unknown, model: string, request: ImageRequest, pictures: number): Usage | undefined {
  const { usage: counted, size, quality } = asObject(answer) ?? {}
  const usage = asObject(counted)
  if (!usage) {
    const each = findModelPrice(model)?.tokens
      ? undefined
      : pricePicture(model, { size: request.size, extra: { ...request.extra, ...withoutGaps({ size, quality }) } })
    return each === undefined ? undefined : { costUsd: each * pictures }
  }
  const [inputTokens, outputTokens] = [toCount(usage['input_tokens']), toCount(usage['output_tokens'])]
  const imageInput = toCount(asObject(usage['input_tokens_details'])?.['image_tokens']) ?? 0
  const textOutput = toCount(asObject(usage['output_tokens_details'])?.['text_tokens']) ?? 0
  const counts = {
    textInput: (inputTokens ?? 0) - imageInput,
    imageInput,
    imageOutput: (outputTokens ?? 0) - textOutput,
    textOutput,
  }
  const costUsd = outputTokens === undefined ? undefined : priceTokens(model, counts)
  return { inputTokens, inputImageTokens: imageInput, outputTokens, costUsd }
}

function withoutGaps(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === 'string'))
}

function toCount(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined
}

function decode(base64: string): Uint8Array {
  const comma = base64.startsWith('data:') ? base64.indexOf(',') + 1 : 0
  return Buffer.from(comma === 0 ? base64 : base64.slice(comma), 'base64')
}

/** A picture as the contract wants it. */
export function toImage(bytes: Uint8Array, seed: number | undefined, revisedPrompt: string | undefined): GeneratedImage {
  return { picture: { kind: 'encoded', bytes }, seed, revisedPrompt }
}
