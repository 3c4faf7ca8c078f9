import { DiffgentorError } from '../errors.ts'

/** Positions from `from` up to but without `to`. */
interface Range {
  from: number
  to: number
}

/** Tells which positions a run works. */
export type RowFilter = (position: number) => boolean

/** Reads `--filter_rows`: `0:100`, `100:`, `:50`, `0,5,10`, and mixtures; positions count from 0, the end of a range is left out. */
export function parseRowFilter(text: string): RowFilter {
  const ranges = text.split(',').map((part) => parseRange(part.trim(), text))
  const merged = mergeRanges(ranges)
  return (position) => {
    let low = 0
    let high = merged.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (merged[middle]!.to <= position) low = middle + 1
      else high = middle
    }
    return low < merged.length && merged[low]!.from <= position
  }
}

/** The filter and the static split together: row i belongs to node i mod numNodes. */
export function selectRows(settings: { filterRows?: string | undefined; nodeRank: number; numNodes: number }): RowFilter {
  const { filterRows, nodeRank, numNodes } = settings
  if (nodeRank >= numNodes) {
    throw new DiffgentorError(
      'invalid_configuration',
      `--node_rank must be less than --num_nodes (${numNodes}), got ${nodeRank}.`,
      {
        field: 'node_rank',
      },
    )
  }
  const filter = filterRows === undefined ? undefined : parseRowFilter(filterRows)
  if (numNodes === 1) return filter ?? (() => true)
  return (position) => position % numNodes === nodeRank && (filter === undefined || filter(position))
}

function parseRange(part: string, whole: string): Range {
  const single = /^\d+$/.exec(part)
  if (single) return { from: Number(part), to: Number(part) + 1 }
  const match = /^(\d*)\s*:\s*(\d*)$/.exec(part)
  if (!match) {
    throw new DiffgentorError(
      'invalid_configuration',
      `--filter_rows expects rows such as 0:100, 100:, :50 or 0,5,10, got ${JSON.stringify(part || whole)}.`,
      { field: 'filter_rows' },
    )
  }
  return { from: Number(match[1]), to: match[2] ? Number(match[2]) : Number.POSITIVE_INFINITY }
}

/** Sorted and without overlaps, so that a position is found by halving. */
function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = []
  for (const range of ranges.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last && range.from <= last.to) last.to = Math.max(last.to, range.to)
    else merged.push({ ...range })
  }
  return merged
}
