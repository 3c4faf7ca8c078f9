import { resolve } from 'node:path'
import { estimateRun, openBudget } from '../backends/hosted/estimate-run.ts'
import { checkRun } from '../batch/check-run.ts'
import { readLedgers } from '../batch/ledger-store.ts'
import { RowPlanner } from '../batch/plan-row.ts'
import { planRows } from '../batch/plan-rows.ts'
import { RowStates } from '../batch/row-states.ts'
import { runFilesOf } from '../batch/run-files.ts'
import type { BatchSettings } from '../config/settings.ts'
import type { ImageBackend } from '../contract/index.ts'
import type { Dataset } from '../datasets/dataset.ts'
import { formatTable } from './terminal.ts'

interface DryRunFacts {
  kind: 't2i' | 'edit'
  dataset: Dataset
  backend: ImageBackend
  settings: BatchSettings
}

/** What a run would come to. */
interface DryRunCounts {
  /** Rows that the run would work. */
  rows: number
  /** Rows that earlier runs leave it nothing to do for. */
  settledRows: number
  /** US dollars that the ledger already holds. */
  spentUsd: number
  /** Rows that cannot become a request. */
  badRows: number
  images: number
  costUsd: number
  /** Pictures whose price is not known. */
  unpricedImages: number
  /** Where the prices come from; empty for backends that cost nothing. */
  notes: Set<string>
}

/** Reads every row that a run would work and tells rows, pictures and, for hosted models, the cost. Nothing is drawn or written. */
export async function describeDryRun(facts: DryRunFacts): Promise<string> {
  const counts = await countRows(facts)
  const table: (string | number)[][] = [
    ['rows', counts.rows],
    ['images', counts.images],
  ]
  if (counts.settledRows > 0) table.push(['rows done before', counts.settledRows])
  if (counts.badRows > 0) table.push(['rows that would fail', counts.badRows])
  return `${formatTable(table)}${describeCost(counts, facts.settings)}`
}

async function countRows({ kind, dataset, backend, settings }: DryRunFacts): Promise<DryRunCounts> {
  const { isSelected } = await checkRun({ kind, dataset, backend, settings, version: '' })
  // Refuses a budget without a price, as the run would.
  if (backend.capabilities.paid) openBudget(backend.modelId, settings)
  const planner = new RowPlanner({ kind, settings, baseSeed: 0, sizes: backend.capabilities.sizes })
  const { states, spentUsd } = await readPast(settings, await dataset.countRows())
  const { total } = planRows(states, isSelected, settings, backend.capabilities.paid)
  const counts: DryRunCounts = {
    rows: 0,
    settledRows: 0,
    spentUsd,
    badRows: 0,
    images: 0,
    costUsd: 0,
    unpricedImages: 0,
    notes: new Set(),
  }
  for await (const row of dataset.rows({ wants: (position) => states.isPlanned(position) })) {
    counts.rows++
    try {
      const plan = planner.plan(row)
      counts.images += plan.numImages
      addCost(counts, backend, plan.numImages, { ...plan.settings, size: plan.size })
    } catch {
      counts.badRows++
    }
  }
  counts.settledRows = total - counts.rows
  return counts
}

/** What the output folder's ledgers say; nothing when the run would start over. */
async function readPast(settings: BatchSettings, rows: number): Promise<{ states: RowStates; spentUsd: number }> {
  if (!settings.resume) return { states: new RowStates(rows), spentUsd: 0 }
  return await readLedgers(runFilesOf(resolve(settings.outputDir), settings), rows)
}

function addCost(counts: DryRunCounts, backend: ImageBackend, images: number, settings: BatchSettings): void {
  const estimate = estimateRun({ rows: 1, images, backend: backend.name, model: backend.modelId, settings })
  if (!estimate) return
  counts.notes.add(estimate.note)
  if (estimate.totalUsd === undefined) counts.unpricedImages += images
  else counts.costUsd += estimate.totalUsd
}

function describeCost({ images, costUsd, spentUsd, unpricedImages, notes }: DryRunCounts, { budget }: BatchSettings): string {
  if (notes.size === 0) return ''
  const known = unpricedImages < images ? `$${costUsd.toFixed(2)}` : 'unknown'
  const rest = unpricedImages > 0 && unpricedImages < images ? `, and ${unpricedImages} images of unknown price` : ''
  const short =
    budget !== undefined && spentUsd + costUsd > budget ? `The budget of $${budget.toFixed(2)} would end the run early.\n` : ''
  return `cost  ${known}${rest}\n${[...notes].map((note) => `${note}\n`).join('')}${short}`
}
