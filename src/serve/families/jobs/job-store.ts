import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve, sep } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type LedgerOutput, parseLedgerLine } from '../../../batch/ledger-entry.ts'
import { writeDurably } from '../../../sinks/write-durably.ts'
import { JOB_RECORD, type JobRecord } from './job.ts'

/** One finished picture of a batch. */
export interface BatchResult extends LedgerOutput {
  index: number
}

/** A file of a job, as it was when it was opened: a ledger may grow meanwhile. */
export interface OutputFile {
  size: number
  read: () => Readable
}

/** Jobs on disk: a folder for each, made with the first one. */
export class JobStore {
  readonly #root: string

  constructor(root: string) {
    this.#root = resolve(root)
  }

  /** All jobs that earlier servers left, oldest first. Folders without a readable record are left alone. */
  async readAll(): Promise<JobRecord[]> {
    const names = await readdir(this.#root).catch(() => [])
    const records = await Promise.all(names.filter(isJobId).map((name) => this.#read(name)))
    return records.filter((record) => record !== undefined).sort((a, b) => a.createdAt - b.createdAt)
  }

  /** Keeps a job's inputs, then its record. */
  async create(record: JobRecord, inputs: readonly Uint8Array[]): Promise<void> {
    await mkdir(this.outputFolder(record.id), { recursive: true })
    await Promise.all(inputs.map((bytes, place) => writeFile(join(this.#folder(record.id), record.inputs[place]!), bytes)))
    await this.save(record)
  }

  async save(record: JobRecord): Promise<void> {
    const path = join(this.#folder(record.id), 'job.json')
    await writeDurably(path, `${path}.${randomUUID()}.part`, Buffer.from(JSON.stringify(record)))
  }

  async remove(id: string): Promise<void> {
    await rm(this.#folder(id), { recursive: true, force: true })
  }

  inputPath(id: string, name: string): string {
    return join(this.#folder(id), name)
  }

  async readInput(id: string, name: string): Promise<Uint8Array> {
    return await readFile(this.inputPath(id, name))
  }

  outputFolder(id: string): string {
    return join(this.#folder(id), 'output')
  }

  /** Writes a finished picture. */
  async addOutput(id: string, name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.outputFolder(id), name)
    await writeDurably(path, `${path}.${randomUUID()}.part`, bytes)
  }

  /** Opens a file that a job made, however large; undefined when there is none of that name inside its folder. */
  async openOutput(id: string, name: string): Promise<OutputFile | undefined> {
    const folder = this.outputFolder(id)
    const path = resolve(folder, name)
    const inside = relative(folder, path)
    if (inside === '' || inside.startsWith('..') || isAbsolute(inside) || name.includes('\0')) return undefined
    if (inside.split(sep).some((part) => part.startsWith('.'))) return undefined
    const facts = await stat(path).catch(() => undefined)
    if (!facts?.isFile()) return undefined
    return { size: facts.size, read: () => createReadStream(path, { end: Math.max(0, facts.size - 1) }) }
  }

  /** Pictures that a batch has finished, from the ledger, in the order in which they were finished. */
  async *readBatchResults(id: string): AsyncGenerator<BatchResult> {
    const path = join(this.outputFolder(id), 'ledger.jsonl')
    if (!(await stat(path).catch(() => undefined))) return
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      const entry = parseLedgerLine(line)
      if (entry?.status !== 'done' && entry?.status !== 'suspect') continue
      for (const output of entry.outputs) yield { ...output, index: entry.index }
    }
  }

  async #read(id: string): Promise<JobRecord | undefined> {
    try {
      return JOB_RECORD.parse(JSON.parse(await readFile(join(this.#folder(id), 'job.json'), 'utf8')))
    } catch {
      return undefined
    }
  }

  #folder(id: string): string {
    return join(this.#root, id)
  }
}

/** `job_` and 24 hexadecimal digits: safe as a folder's name. */
export function isJobId(id: string): boolean {
  return /^job_[0-9a-f]{24}$/.test(id)
}
