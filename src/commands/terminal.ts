import type { Writable } from 'node:stream'

/** Where a command reads and writes, so that tests and the server need no real terminal. */
export interface Terminal {
  stdin: NodeJS.ReadableStream
  /** Results only. */
  stdout: Writable
  /** Everything else. */
  stderr: Writable & { isTTY?: boolean; columns?: number }
}

export const PROCESS_TERMINAL: Terminal = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr }

/** Text in columns, each as wide as its widest cell; numbers to the right. */
export function formatTable(rows: readonly (readonly (string | number)[])[], indent = ''): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, String(cell).length)
  }
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        typeof cell === 'number' ? String(cell).padStart(widths[column]!) : String(cell).padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
  return lines.map((line) => `${indent}${line}\n`).join('')
}

/** A byte count for people: `1.2 GB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** A duration for people: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`
  return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, '0')} min`
}
