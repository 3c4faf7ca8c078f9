import { decodeText, NOT_UTF8, type ParsedRecord, type RecordParser, UNREADABLE } from './record-parser.ts'

/** Parses records that are JSON objects, or texts standing for the one column `textColumn`. */
export function createJsonParser(textColumn: string): RecordParser {
  const parseOne = (record: Buffer): ParsedRecord => {
    const text = decodeText(record)
    return text === undefined ? { fault: NOT_UTF8 } : parseJsonRecord(text, textColumn)
  }
  return {
    parse: (records) => records.map(parseOne),
    readCell(record, column) {
      const parsed = parseOne(record)
      return 'values' in parsed ? parsed.values[column] : UNREADABLE
    },
  }
}

function parseJsonRecord(text: string, textColumn: string): ParsedRecord {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { fault: `is not valid JSON (${(error as Error).message.slice(0, 200)})` }
  }
  if (typeof value === 'string') return { values: { [textColumn]: value } }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { values: value as Record<string, unknown> }
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`
  return { fault: `should be an object or a text, got ${got}` }
}
