/** A cell as text. Embedded bytes cannot stand in a text table and are left out; nested values become JSON. */
export function toCellText(cell: unknown): string {
  if (cell === null || cell === undefined || cell instanceof Uint8Array) return ''
  if (cell instanceof Date) return cell.toISOString()
  return typeof cell === 'object' ? toJsonText(cell) : String(cell)
}

/** A value as one line of JSON: without embedded bytes, and with large integers as text. */
export function toJsonText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return undefined
    return typeof part === 'bigint' ? toJsonNumber(part) : part
  })
}

function toJsonNumber(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}
