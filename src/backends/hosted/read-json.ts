/** An object read from bytes or text; undefined when it is none. */
export function readJsonObject(source: Buffer | string): Record<string, unknown> | undefined {
  try {
    return asObject(JSON.parse(source.toString()))
  } catch {
    return undefined
  }
}

/** The value itself when it is an object with keys. */
export function asObject(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined
}
