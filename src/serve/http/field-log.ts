import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import pino, { type Logger } from 'pino'
import type { RawFields } from './json-body.ts'

/** Longer texts are cut in the log. */
const MAX_TEXT = 500

/** Where the fields of requests are logged for debugging: `1` (or another yes) is the server's own log, anything else a file. */
export async function openFieldLog(target: string | undefined, log: Logger): Promise<Logger | undefined> {
  if (target === undefined || /^(0|false|no|off|)$/i.test(target)) return undefined
  if (/^(1|true|yes|on)$/i.test(target)) return log
  await mkdir(dirname(target), { recursive: true })
  return pino({ base: null }, pino.destination({ dest: target, sync: false }))
}

/** Fields as the log shows them: long texts are cut, bytes counted. */
export function summarizeFields(fields: RawFields): RawFields {
  return JSON.parse(JSON.stringify(fields, (_, value: unknown) => summarize(value))) as RawFields
}

function summarize(value: unknown): unknown {
  if (value instanceof Uint8Array) return `(${value.byteLength} bytes)`
  return typeof value === 'string' && value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}… (${value.length})` : value
}
