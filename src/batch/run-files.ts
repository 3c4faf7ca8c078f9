import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Which part of the rows a run works. */
export interface Shard {
  nodeRank: number
  numNodes: number
}

/**
 * The files that a run keeps in its output folder. A run over all rows keeps them beside the pictures. Shards may share an
 * output folder: each keeps its own in `shards/node-1-of-4`, and all read each other's ledgers. So nothing ever needs to list
 * the output folder itself, which may hold millions of pictures.
 */
export interface RunFiles {
  /** The output folder: names of pictures are relative to it. */
  folder: string
  /** Where this run keeps its files. */
  home: string
  lock: string
  ledger: string
  record: string
  /** Default place of the results. */
  results: string
  /** Name of the contact sheet in the output folder, without ending: shards that end at once must not write one file. */
  sheetName: string
  logs: string
}

const SHARD_NAME = /^node-(\d+)-of-(\d+)$/

/** Where a shard's files are in an output folder. */
export function runFilesOf(folder: string, { nodeRank, numNodes }: Shard): RunFiles {
  const shard = `${nodeRank}-of-${numNodes}`
  const home = numNodes === 1 ? folder : join(folder, 'shards', `node-${shard}`)
  return {
    folder,
    home,
    lock: join(home, '.diffgentor.lock'),
    ledger: join(home, 'ledger.jsonl'),
    record: join(home, 'run.json'),
    results: join(home, 'results.csv'),
    sheetName: numNodes === 1 ? 'contact-sheet' : `contact-sheet-${shard}`,
    logs: join(folder, 'logs'),
  }
}

/** The files of all other runs that work or worked in the same output folder: of the run over all rows first, then of the shards by name. They need not exist. */
export function listNeighbors(files: RunFiles): RunFiles[] {
  const shards = listShards(files.folder).map((shard) => runFilesOf(files.folder, shard))
  const all = [runFilesOf(files.folder, { nodeRank: 0, numNodes: 1 }), ...shards]
  return all.filter(({ home }) => home !== files.home)
}

function listShards(folder: string): Shard[] {
  let names: string[]
  try {
    names = readdirSync(join(folder, 'shards')).sort()
  } catch {
    return []
  }
  return names.flatMap((name) => {
    const match = SHARD_NAME.exec(name)
    return match ? [{ nodeRank: Number(match[1]), numNodes: Number(match[2]) }] : []
  })
}
