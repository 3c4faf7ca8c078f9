import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { BatchSettings } from '../config/settings.ts'
import { makeFolder } from '../sinks/make-folder.ts'
import type { BatchEvent } from './batch-events.ts'
import type { RunFiles } from './run-files.ts'

const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
type Level = (typeof LEVELS)[number]
type Line = readonly [level: Level, message: string, facts?: object]

/** Where a run writes what it tells. */
export interface RunLog extends Disposable {
  write(event: BatchEvent): void
}

/**
 * Opens `LOG_DIR/<start>-<run>.jsonl`, one file a run, one JSON object a line. Finished rows are logged at level `debug`, what
 * went wrong at `warn`. Lines are written at once, so that the last ones before a crash are there; a log that cannot be
 * written never stops a run.
 */
export function openRunLog({ logs }: RunFiles, runId: string, startedAt: string, { logDir, logLevel }: BatchSettings): RunLog {
  const fd =
    logLevel === 'silent' ? undefined : openLogFile(logDir ?? logs, `${startedAt.replaceAll(/[:.]/g, '-')}-${runId}.jsonl`)
  if (fd === undefined) return { write: () => undefined, [Symbol.dispose]: () => undefined }
  const least = LEVELS.indexOf(logLevel)
  return {
    write: (event) => {
      const line = describeEvent(event)
      if (!line || LEVELS.indexOf(line[0]) < least) return
      const [level, message, facts] = line
      tryWrite(fd, `${JSON.stringify({ time: new Date().toISOString(), level, message, ...facts })}\n`)
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}

function openLogFile(folder: string, name: string): number | undefined {
  try {
    makeFolder(folder)
    return openSync(join(folder, name), 'a')
  } catch {
    return undefined
  }
}

function tryWrite(fd: number, line: string): void {
  try {
    writeSync(fd, line)
  } catch {
    // A full disk: the run itself says so.
  }
}

function describeEvent(event: BatchEvent): Line | undefined {
  switch (event.type) {
    case 'run-start':
      return ['info', 'run started', { ...event.counts, base_seed: event.baseSeed, output_dir: event.outputDir }]
    case 'row-start':
    case 'row-progress':
      return undefined
    case 'row-retry': {
      const { index, attempt, waitMs, error } = event
      return ['warn', 'row is tried again', { index, attempt, wait_ms: waitMs, error }]
    }
    case 'row-end': {
      const { index, status, attempt, ms, error, note } = event.entry
      return [status === 'done' ? 'debug' : 'warn', `row ${status}`, { index, attempt, ms, error, note }]
    }
    case 'warning':
      return ['warn', event.message]
    case 'notice':
      return ['info', event.message]
    case 'run-end': {
      const { total, done, skipped, failed, unknown, suspect, images, pending, wallMs, exitCode, endedBy } = event.summary
      const counts = { total, done, skipped, failed, unknown, suspect, images, pending }
      return ['info', 'run ended', { ...counts, wall_ms: wallMs, exit_code: exitCode, ended_by: endedBy }]
    }
  }
}
