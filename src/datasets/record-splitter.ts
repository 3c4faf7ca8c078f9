/** Where a record begins. */
export interface RecordStart {
  /** Byte in the source. */
  offset: number
  /** Line in the source, from 1. */
  line: number
}

/** The complete records found in one buffer, as parallel lists: record `i` is `buffer[starts[i] … ends[i])` and begins in line `lines[i]`. */
export interface RecordSpans {
  starts: number[]
  ends: number[]
  lines: number[]
}

/** Cuts a stream of bytes into records without parsing them. It keeps its place from one call to the next. */
export interface RecordSplitter {
  /**
   * Appends the spans of the records that are complete in `buffer[0 … length)`.
   * Returns how many bytes are done with; the rest is given again at the front of the next buffer.
   * `isEnd` says that nothing follows.
   */
  split(buffer: Uint8Array, length: number, isEnd: boolean, spans: RecordSpans): number
}

/** How one format is cut into records. */
export interface RecordLayout {
  /** `isFirst` is false when reading starts at a record in the middle of the source. */
  createSplitter(line: number, isFirst: boolean): RecordSplitter
  /** Whether a record may end before this byte (undefined: the end of the source). */
  isBoundary(next: number | undefined): boolean
}

export const NEWLINE = 10
export const CARRIAGE_RETURN = 13
export const QUOTE = 34

/** Space, tab, newline or carriage return. */
export function isBlank(byte: number): boolean {
  return byte === 32 || byte === NEWLINE || byte === CARRIAGE_RETURN || byte === 9
}

/** Records that end with a line: the boundary is a line break or the end. */
export function isLineBoundary(next: number | undefined): boolean {
  return next === undefined || next === NEWLINE || next === CARRIAGE_RETURN
}
