import { opendir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Ends every unfinished file. No picture or other file of ours ends so under its final name. */
const PART_ENDING = '.dgpart'

/** The hidden names under which one run writes before it renames. They are short, so that a long final name still fits. */
export class PartNames {
  readonly #runId: string
  #count = 0

  /** `runId`: small letters and digits, unique among the runs on a folder. */
  constructor(runId: string) {
    this.#runId = runId
  }

  /** A fresh hidden name in the folder of `path`. */
  beside(path: string): string {
    return join(dirname(path), `.${this.#runId}-${this.#count++}${PART_ENDING}`)
  }
}

/** Whose part file it is. */
export interface PartOwner {
  /** A run's id, or a word for what another part of the program writes. */
  id: string
  number: number
}

/** Who left a part file; undefined for every other name. */
export function readPartOwner(name: string): PartOwner | undefined {
  const match = /^\.([0-9a-z]+)-(\d+)\.dgpart$/.exec(name)
  return match ? { id: match[1]!, number: Number(match[2]) } : undefined
}

/** Removes part files below a folder whose owner does not live. Links are not followed. Returns how many were removed. */
export async function sweepPartFiles(
  folder: string,
  isLiving: (owner: PartOwner) => boolean,
  signal?: AbortSignal,
): Promise<number> {
  let removed = 0
  const folders = [folder]
  for (let current = folders.pop(); current !== undefined; current = folders.pop()) {
    const entries = await opendir(current, { bufferSize: 1024 }).catch(() => undefined)
    if (!entries) continue
    for await (const entry of entries) {
      if (signal?.aborted) return removed
      if (entry.isDirectory()) folders.push(join(current, entry.name))
      const owner = entry.name.endsWith(PART_ENDING) ? readPartOwner(entry.name) : undefined
      if (owner === undefined || isLiving(owner)) continue
      await unlink(join(current, entry.name)).then(
        () => removed++,
        () => undefined,
      )
    }
  }
  return removed
}
