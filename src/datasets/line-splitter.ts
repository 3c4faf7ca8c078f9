import { isBlank, isLineBoundary, NEWLINE, type RecordLayout, type RecordSpans, type RecordSplitter } from './record-splitter.ts'

/** One record a line, for txt and jsonl; blank lines and blanks around a line are left out. */
export const LINE_LAYOUT: RecordLayout = { createSplitter: (line) => createLineSplitter(line), isBoundary: isLineBoundary }

function createLineSplitter(firstLine: number): RecordSplitter {
  let line = firstLine
  return {
    split(buffer, length, isEnd, spans) {
      let start = 0
      while (start < length) {
        const found = buffer.indexOf(NEWLINE, start)
        const isLast = found < 0 || found >= length
        if (isLast && !isEnd) return start
        const end = isLast ? length : found
        pushTrimmed(buffer, start, end, line, spans)
        line += 1
        start = end + 1
      }
      return length
    },
  }
}

function pushTrimmed(buffer: Uint8Array, from: number, to: number, line: number, spans: RecordSpans): void {
  let start = from
  let end = to
  while (start < end && isBlank(buffer[start]!)) start += 1
  while (end > start && isBlank(buffer[end - 1]!)) end -= 1
  if (start === end) return
  spans.starts.push(start)
  spans.ends.push(end)
  spans.lines.push(line)
}
