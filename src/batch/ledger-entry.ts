import type { Usage } from '../contract/index.ts'
import type { DiffgentorError, ErrorCode } from '../errors.ts'

/**
 * What the ledger says of a row; the last line of a row wins. `started` is written before a request leaves for a paid API.
 * `unknown` was sent and not answered. `suspect` is kept although it looks wrong. `poison` killed two workers.
 */
export type RowStatus = 'started' | 'done' | 'failed' | 'unknown' | 'suspect' | 'poison'

/** One finished file of a row. */
export interface LedgerOutput {
  /** Path inside the output folder, with `/`. */
  file: string
  bytes: number
  sha256: string
  /** Absent when the backend does not tell. */
  seed?: number | undefined
  /** File of the final latents beside the picture. */
  latents?: string | undefined
  /** A safety checker found the picture unfit, so that it is black. */
  nsfw?: true | undefined
}

export interface LedgerError {
  code: ErrorCode
  message: string
  retryable: boolean
}

/** One attempt of a row, as one line of `ledger.jsonl`. */
export interface LedgerEntry {
  index: number
  /** Place in the data set. */
  position: number
  status: RowStatus
  /** Counts from 1 in each run; 0: taken over from a folder without a ledger. */
  attempt: number
  outputs: readonly LedgerOutput[]
  /** Wall time of the attempt, in milliseconds. */
  ms: number
  error?: LedgerError | undefined
  /** The prompt that was sent in place of the row's own. */
  promptEnhanced?: string | undefined
  /** What a reader of the results should know, such as an enhancement that failed. */
  note?: string | undefined
  usage?: Usage | undefined
}

/** The line of an entry, with its end. `position` is left out where it equals `index`; the cost stands last so that it can be summed without parsing. */
export function formatLedgerLine(entry: LedgerEntry): string {
  const { index, position, usage } = entry
  const tokens = usage && (usage.inputTokens !== undefined || usage.outputTokens !== undefined)
  const line = {
    index,
    ...(position !== index && { position }),
    status: entry.status,
    attempt: entry.attempt,
    outputs: entry.outputs,
    ms: entry.ms,
    error: entry.error,
    prompt_enhanced: entry.promptEnhanced,
    note: entry.note,
    usage: tokens ? { input_tokens: usage.inputTokens, output_tokens: usage.outputTokens } : undefined,
    cost_usd: usage?.costUsd,
  }
  return `${JSON.stringify(line)}\n`
}

/** Reads a line back; undefined when it is none. */
export function parseLedgerLine(text: string): LedgerEntry | undefined {
  const line = parseObject(text)
  if (!line || !Number.isSafeInteger(line.index) || typeof line.status !== 'string' || !STATUSES.has(line.status))
    return undefined
  const index = line.index as number
  const usage = line.usage as { input_tokens?: number; output_tokens?: number } | undefined
  return {
    index,
    position: typeof line.position === 'number' ? line.position : index,
    status: line.status as RowStatus,
    attempt: Number(line.attempt ?? 0),
    outputs: Array.isArray(line.outputs) ? (line.outputs as LedgerOutput[]) : [],
    ms: Number(line.ms ?? 0),
    error: line.error as LedgerError | undefined,
    promptEnhanced: line.prompt_enhanced as string | undefined,
    note: line.note as string | undefined,
    usage:
      usage || line.cost_usd !== undefined
        ? { inputTokens: usage?.input_tokens, outputTokens: usage?.output_tokens, costUsd: line.cost_usd as number | undefined }
        : undefined,
  }
}

const STATUSES: ReadonlySet<string> = new Set<RowStatus>(['started', 'done', 'failed', 'unknown', 'suspect', 'poison'])

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** An error as the ledger keeps it. */
export function toLedgerError(error: DiffgentorError): LedgerError {
  return { code: error.code, message: error.message, retryable: error.traits.retryable }
}
