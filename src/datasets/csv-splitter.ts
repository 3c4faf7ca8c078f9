import { CARRIAGE_RETURN, isLineBoundary, NEWLINE, QUOTE, type RecordLayout, type RecordSplitter } from './record-splitter.ts'

/** Records of RFC 4180: a line break inside a quoted field belongs to the field. Lines without any character are left out. */
export function csvLayout(delimiter: number): RecordLayout {
  return { createSplitter: (line) => createCsvSplitter(delimiter, line), isBoundary: isLineBoundary }
}

/** Only the bytes of the delimiter, the quote and the newline matter, none of which occurs inside a UTF-8 sequence. */
function createCsvSplitter(delimiter: number, firstLine: number): RecordSplitter {
  let line = firstLine
  return {
    split(buffer, length, isEnd, spans) {
      let start = 0
      let newlines = 0
      let isQuoted = false
      let isFieldStart = true
      let closedAt = -2
      const push = (to: number) => {
        const end = to > start && buffer[to - 1] === CARRIAGE_RETURN ? to - 1 : to
        if (end > start) {
          spans.starts.push(start)
          spans.ends.push(end)
          spans.lines.push(line)
        }
      }
      for (let at = 0; at < length; at += 1) {
        const byte = buffer[at]!
        if (byte === NEWLINE) {
          newlines += 1
          if (isQuoted) continue
          push(at)
          start = at + 1
          line += newlines
          newlines = 0
          isFieldStart = true
        } else if (byte === QUOTE) {
          // A doubled quote inside a quoted field closes it and opens it again.
          if (isQuoted) closedAt = at
          isQuoted = isQuoted ? false : isFieldStart || closedAt === at - 1
          isFieldStart = false
        } else if (!isQuoted) {
          isFieldStart = byte === delimiter
        }
      }
      if (!isEnd) return start
      push(length)
      return length
    },
  }
}
