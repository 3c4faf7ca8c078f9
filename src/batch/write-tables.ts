import { dirname, join, relative, sep } from 'node:path'
import { readImageCells } from '../datasets/columns.ts'
import type { Dataset, Row } from '../datasets/dataset.ts'
import { parseImageCell } from '../datasets/image-cell.ts'
import type { ResultEntry } from '../datasets/result-entry.ts'
import { writeResults } from '../datasets/write-results.ts'
import { type SheetEntry, writeContactSheet } from '../images/contact-sheet.ts'
import { toDiskError } from '../sinks/disk-errors.ts'
import { PartNames } from '../sinks/part-files.ts'
import type { LedgerEntry } from './ledger-entry.ts'
import type { LedgerStore } from './ledger-store.ts'

interface TableFacts {
  dataset: Dataset
  ledger: LedgerStore
  /** The output folder. */
  folder: string
  runId: string
}

/** Rebuilds the results from data set and ledger: every row that reached an end in any run, in data set order. */
export async function writeResultsTable(path: string, { dataset, ledger, folder, runId }: TableFacts): Promise<void> {
  const toImage = (file: string) => relative(dirname(path), join(folder, file)).split(sep).join('/')
  const lookUp = ({ position }: Row): ResultEntry | undefined => {
    const entry = position < ledger.states.size ? ledger.read(position) : undefined
    if (!entry || entry.status === 'started') return undefined
    return {
      images: isFinished(entry) ? entry.outputs.map(({ file }) => toImage(file)) : [],
      enhanced: entry.promptEnhanced,
      error: entry.error?.message ?? entry.note,
    }
  }
  const part = new PartNames(`${runId}t`).beside(path)
  await writeResults({ dataset, lookUp, path, part }).catch((error: unknown) => {
    throw toDiskError(error, `The results table ${path}`)
  })
}

/** Writes the contact sheet over all finished rows under a name without ending; returns the page's path. */
export async function writeSheet(
  { dataset, ledger, folder }: TableFacts,
  name: string,
  promptOf: (row: Row) => string,
): Promise<string> {
  async function* listPictures(): AsyncGenerator<SheetEntry> {
    const wants = (position: number) => position < ledger.states.size && ledger.states.get(position) !== 'pending'
    for await (const row of dataset.rows({ wants })) {
      const entry = ledger.read(row.position)
      if (!entry || !isFinished(entry)) continue
      const prompt = promptOf(row)
      const sourceFile = findSourceFile(row, dataset.folder)
      for (const { file, seed } of entry.outputs) yield { file, prompt, seed, ms: entry.ms, sourceFile }
    }
  }
  try {
    return (await writeContactSheet(folder, listPictures(), { name })).html
  } catch (error) {
    throw toDiskError(error, 'The contact sheet')
  }
}

function isFinished({ status }: LedgerEntry): boolean {
  return status === 'done' || status === 'suspect'
}

/** The first source picture, when it is a file. */
function findSourceFile(row: Row, folder: string): string | undefined {
  const [cell] = readImageCells(row.values)
  if (cell === undefined) return undefined
  const [reference] = parseImageCell(cell, folder)
  return reference?.kind === 'path' ? reference.path : undefined
}
