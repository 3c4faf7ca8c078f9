import { join } from 'node:path'

/** Which part of the rows a run works. */
export interface Shard {
  nodeRank: number
  numNodes: number
}

/**
 * The files that a run keeps in its output folder. Shards may share a folder: each then has its own lock, ledger, record and
 * results, named after it, and all read each other's ledgers.
 */
export interface RunFiles {
  folder: string
  lock: string
  ledger: string
  record: string
  /** Default place of the results. */
  results: string
  logs: string
}

const LEDGER_NAME = /^ledger(?:\.node-\d+-of-\d+)?\.jsonl$/
const RECORD_NAME = /^run(?:\.node-\d+-of-\d+)?\.json$/
const LOCK_NAME = /^\.diffgentor(?:\.node-\d+-of-\d+)?\.lock$/

export const isLedgerName = (name: string): boolean => LEDGER_NAME.test(name)
export const isRecordName = (name: string): boolean => RECORD_NAME.test(name)
export const isLockName = (name: string): boolean => LOCK_NAME.test(name)

/** Where a shard's files are in an output folder. */
export function runFilesOf(folder: string, { nodeRank, numNodes }: Shard): RunFiles {
  const part = numNodes === 1 ? '' : `.node-${nodeRank}-of-${numNodes}`
  return {
    folder,
    lock: join(folder, `.diffgentor${part}.lock`),
    ledger: join(folder, `ledger${part}.jsonl`),
    record: join(folder, `run${part}.json`),
    results: join(folder, `results${part}.csv`),
    logs: join(folder, 'logs'),
  }
}
