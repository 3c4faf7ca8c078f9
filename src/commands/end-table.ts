import type { BatchSummary } from '../batch/batch-summary.ts'
import { formatDuration, formatTable } from './terminal.ts'

/** What a run came to, as a table for stderr. */
export function describeSummary(summary: BatchSummary): string {
  const { done, failed, skipped, unknown, suspect, pending, images, wallMs, usage } = summary
  const seconds = wallMs / 1000
  const rows: (string | number)[][] = [
    ['done', done],
    ['failed', failed],
    ['skipped (done before)', skipped],
  ]
  if (unknown > 0) rows.push(['unknown (may have been billed)', unknown])
  if (suspect > 0) rows.push(['suspect (one flat color)', suspect])
  if (pending > 0) rows.push(['pending', pending])
  rows.push(['images', images])
  const facts: string[][] = [
    ['time', formatDuration(wallMs)],
    ['speed', seconds > 0 && images > 0 ? `${(images / seconds).toFixed(images / seconds < 0.1 ? 3 : 1)} images/s` : '–'],
  ]
  if (usage.inputTokens || usage.outputTokens)
    facts.push(['tokens', `${usage.inputTokens ?? 0} in, ${usage.outputTokens ?? 0} out`])
  if (usage.costUsd) facts.push(['cost', `$${usage.costUsd.toFixed(4)}`])
  facts.push(['pictures', summary.outputDir])
  if (summary.resultsFile) facts.push(['results', summary.resultsFile])
  if (summary.contactSheetFile) facts.push(['contact sheet', summary.contactSheetFile])
  const reasons = [summary.endedBy && `The run ended early: ${summary.endedBy.message}`, summary.advice].filter(
    (reason) => reason !== undefined,
  )
  return `\n${formatTable(rows, '  ')}${formatTable(facts, '  ')}${reasons.map((reason) => `${reason}\n`).join('')}`
}
