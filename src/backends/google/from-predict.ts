import { DiffgentorError } from '../../errors.ts'
import type { Endpoint } from '../hosted/endpoint.ts'
import { asObject } from '../hosted/read-json.ts'
import { redact } from '../hosted/redact.ts'
import { readBase64 } from './from-generate-content.ts'

/** The pictures of an Imagen answer. Filtered ones are left out; when none is left, that is a `content_policy` error. */
export function readPredictions(answer: Record<string, unknown>, { name, apiKey }: Endpoint): Uint8Array[] {
  const listed = answer['predictions']
  const predictions = Array.isArray(listed) ? listed.map(asObject) : []
  const pictures = predictions.flatMap((prediction) => readBase64(prediction?.['bytesBase64Encoded']))
  if (pictures.length > 0) return pictures
  const reason = predictions.map((prediction) => prediction?.['raiFilteredReason']).find((text) => typeof text === 'string')
  const quoted = reason === undefined ? '' : `: ${redact(reason, [apiKey]).replace(/\.$/, '')}`
  throw new DiffgentorError('content_policy', `${name} refused to show the pictures${quoted}.`)
}
