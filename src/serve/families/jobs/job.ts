import { z } from 'zod'

export const JOB_STATES = ['queued', 'in_progress', 'completed', 'failed', 'cancelled'] as const
export type JobState = (typeof JOB_STATES)[number]

const JOB_ERROR = z.object({ message: z.string(), type: z.string(), code: z.string().nullable() })

const JOB_COUNTS = z.object({ total: z.int(), done: z.int(), failed: z.int(), images: z.int() })

/** What a job's file keeps, so that it survives the server. */
export const JOB_RECORD = z.object({
  id: z.string(),
  kind: z.enum(['generation', 'edit', 'batch']),
  /** Digest of the key that sent it; others do not see it. */
  owner: z.string(),
  state: z.enum(JOB_STATES),
  model: z.string(),
  /** Unix seconds. */
  createdAt: z.int(),
  startedAt: z.int().optional(),
  finishedAt: z.int().optional(),
  error: JOB_ERROR.optional(),
  warnings: z.array(z.string()),
  /** Fields of the request, without its pictures. */
  fields: z.record(z.string(), z.unknown()),
  /** Names of the uploaded files in the job's folder. */
  inputs: z.array(z.string()),
  mask: z.object({ name: z.string(), meaning: z.enum(['auto', 'white', 'transparent']) }).optional(),
  /** The caller might name LoRA files by path. */
  isAdmin: z.boolean(),
  /** Finished pictures of a generation or an edit; those of a batch stand in its ledger. */
  outputs: z.array(z.object({ file: z.string(), bytes: z.int(), seed: z.number().nullable() })),
  counts: JOB_COUNTS.optional(),
})

export type JobRecord = z.output<typeof JOB_RECORD>

/** How far a running job is; lives in memory only. */
export interface JobProgress {
  /** 0–1. */
  share: number
  /** Unfinished work before it, as of now. */
  readonly position: number
  readonly etaSeconds: number | undefined
  /** Rows of a batch. */
  counts?: JobRecord['counts']
}

/** A job as callers see it. */
export const JOB_ANSWER = z.object({
  id: z.string(),
  object: z.literal('job'),
  kind: z.enum(['generation', 'edit', 'batch']),
  status: z.enum(JOB_STATES),
  model: z.string(),
  progress: z.number().describe('0 to 1'),
  position: z.int().nullable().describe('Unfinished work before it; null once it is finished'),
  eta_seconds: z.number().nullable(),
  created_at: z.int(),
  started_at: z.int().nullable(),
  finished_at: z.int().nullable(),
  counts: JOB_COUNTS.nullable().describe('Rows of a batch'),
  results: z.array(z.object({ file: z.string(), url: z.string(), bytes: z.int(), seed: z.number().nullable() })),
  results_url: z.string(),
  warnings: z.array(z.string()),
  error: JOB_ERROR.nullable(),
})

export type JobAnswer = z.output<typeof JOB_ANSWER>

/** The states in which nothing more happens. */
export function isFinished({ state }: Pick<JobRecord, 'state'>): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled'
}

export function describeJob(record: JobRecord, progress: JobProgress | undefined): JobAnswer {
  const isOver = isFinished(record)
  const base = `/v1/jobs/${record.id}`
  return {
    id: record.id,
    object: 'job',
    kind: record.kind,
    status: record.state,
    model: record.model,
    progress: record.state === 'completed' ? 1 : (progress?.share ?? 0),
    position: isOver ? null : (progress?.position ?? 0),
    eta_seconds: isOver ? null : (progress?.etaSeconds ?? null),
    created_at: record.createdAt,
    started_at: record.startedAt ?? null,
    finished_at: record.finishedAt ?? null,
    counts: record.counts ?? null,
    results: record.outputs.map((output) => ({ ...output, url: `${base}/files/${output.file}` })),
    results_url: `${base}/results`,
    warnings: record.warnings,
    error: record.error ?? null,
  }
}
