import type { BatchSettings } from '../config/settings.ts'
import type { BatchCounts } from './batch-events.ts'
import type { RowFilter } from './filter-rows.ts'
import type { RowState, RowStates } from './row-states.ts'

type Decision = 'work' | 'skipped' | 'failed' | 'unknown' | 'later'

/** What to do with a row of a known state. */
function decide(state: RowState, settings: BatchSettings, isPaid: boolean): Decision {
  switch (state) {
    case 'done':
      return 'skipped'
    case 'suspect':
      return settings.retrySuspect ? 'work' : 'skipped'
    case 'failed':
      return 'work'
    case 'poison':
      return settings.retryFailed ? 'work' : 'failed'
    case 'started':
    case 'unknown':
      if (isPaid) return settings.retryAmbiguous ? 'work' : 'unknown'
      return settings.retryFailed ? 'later' : 'work'
    case 'pending':
      return settings.retryFailed ? 'later' : 'work'
  }
}

/** Puts the rows of this run on its list, and counts what earlier runs left. One look at each row's state. */
export function planRows(states: RowStates, isSelected: RowFilter, settings: BatchSettings, isPaid: boolean): BatchCounts {
  const counts: BatchCounts = { total: 0, done: 0, skipped: 0, failed: 0, unknown: 0, suspect: 0, images: 0 }
  for (let position = 0; position < states.size; position++) {
    if (!isSelected(position)) continue
    counts.total++
    const decision = decide(states.get(position), settings, isPaid)
    if (decision === 'work') states.plan(position)
    else if (decision !== 'later') counts[decision]++
  }
  return counts
}
