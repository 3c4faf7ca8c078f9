import type { Usage } from '../../contract/index.ts'
import { DiffgentorError, type ErrorCode } from '../../errors.ts'
import { sniffFormat } from '../../images/sniff-format.ts'
import type { Endpoint } from '../hosted/endpoint.ts'
import { priceTokens } from '../hosted/price-request.ts'
import { asObject } from '../hosted/read-json.ts'
import { redact } from '../hosted/redact.ts'

/** Reasons for which a candidate holds no picture because of what it shows. */
const REFUSALS: ReadonlySet<string> = new Set([
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
  'SAFETY',
  'PROHIBITED_CONTENT',
  'BLOCKLIST',
  'SPII',
  'RECITATION',
])

const DATA_URL = /data:image\/[\w.+-]+;base64,([A-Za-z0-9+/=]+)/g

/** The pictures of an answer, drafts left out; an answer without any is an error that says why. */
export function readGeneratedPictures(answer: unknown, endpoint: Endpoint): Uint8Array[] {
  const { candidates: listed, promptFeedback } = asObject(answer) ?? {}
  const candidates = asList(listed)
  const parts = candidates.flatMap((candidate) => asList(asObject(candidate['content'])?.['parts']))
  const finished = parts.filter((part) => part['thought'] !== true)
  const pictures = finished.flatMap((part) => readBase64(asObject(part['inlineData'])?.['data']))
  if (pictures.length > 0) return pictures
  // Some proxies put the picture into the text.
  const texts = finished.map((part) => part['text'])
  const inText = texts.flatMap(readTextPictures)
  if (inText.length > 0) return inText
  const words = texts.filter((text) => typeof text === 'string')
  throw explainAbsence(endpoint, asObject(promptFeedback), candidates, words.join(' '))
}

/** The picture of a field that holds base64, which comes decoded in large answers. */
export function readBase64(value: unknown): Uint8Array[] {
  if (value instanceof Uint8Array) return [value]
  return typeof value === 'string' && value !== '' ? [Buffer.from(value, 'base64')] : []
}

function readTextPictures(text: unknown): Uint8Array[] {
  if (text instanceof Uint8Array) return sniffFormat(text) ? [text] : []
  if (typeof text !== 'string') return []
  return [...text.matchAll(DATA_URL)].map(([, base64]) => Buffer.from(base64!, 'base64'))
}

function explainAbsence(
  { name, apiKey }: Endpoint,
  feedback: Record<string, unknown> | undefined,
  candidates: Record<string, unknown>[],
  words: string,
): DiffgentorError {
  const blocked = feedback?.['blockReason']
  if (blocked !== undefined && blocked !== 'BLOCKED_REASON_UNSPECIFIED') {
    return say('content_policy', `${name} refused the prompt (${blocked})`, feedback?.['blockReasonMessage'], apiKey)
  }
  const reasons = candidates.map((candidate) => candidate['finishReason']).filter((reason) => typeof reason === 'string')
  const message = candidates.map((candidate) => candidate['finishMessage']).find((text) => typeof text === 'string')
  const refusal = reasons.find((reason) => REFUSALS.has(reason))
  if (refusal) return say('content_policy', `${name} refused to show the picture (${refusal})`, message, apiKey)
  const why = reasons.length > 0 ? ` (${reasons.join(', ')})` : ''
  return say('empty_answer', `${name} answered without a picture${why}`, message ?? words, apiKey)
}

function say(code: ErrorCode, what: string, why: unknown, apiKey: string | undefined): DiffgentorError {
  const quoted = typeof why === 'string' ? redact(why, [apiKey]).replace(/\.$/, '') : ''
  return new DiffgentorError(code, quoted === '' ? `${what}.` : `${what}: ${quoted}.`)
}

/** What the provider counted, and what that costs by the price table. */
export function readGeminiUsage(answer: unknown, modelId: string): Usage | undefined {
  const usage = asObject(asObject(answer)?.['usageMetadata'])
  if (!usage) return undefined
  const count = (field: string) => (typeof usage[field] === 'number' ? (usage[field] as number) : 0)
  const inputTokens = count('promptTokenCount')
  const candidateTokens = count('candidatesTokenCount')
  const imageInput = countPictures(usage['promptTokensDetails'])
  // Without details, everything counts as picture: it is the dearest.
  const imageOutput = Array.isArray(usage['candidatesTokensDetails'])
    ? countPictures(usage['candidatesTokensDetails'])
    : candidateTokens
  const textOutput = candidateTokens - imageOutput + count('thoughtsTokenCount')
  const counts = { textInput: inputTokens - imageInput, imageInput, imageOutput, textOutput }
  const isCounted = candidateTokens > 0
  return {
    inputTokens,
    inputImageTokens: imageInput,
    outputTokens: imageOutput + textOutput,
    costUsd: isCounted ? priceTokens(modelId, counts) : undefined,
  }
}

function countPictures(details: unknown): number {
  return asList(details)
    .filter(({ modality }) => modality === 'IMAGE')
    .reduce((sum, { tokenCount }) => sum + (typeof tokenCount === 'number' ? tokenCount : 0), 0)
}

function asList(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(asObject).filter((entry) => entry !== undefined) : []
}
