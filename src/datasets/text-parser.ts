import { decodeText, NOT_UTF8, type RecordParser } from './record-parser.ts'

/** Parses lines of plain text, each the one column `column`. */
export function createTextParser(column: string): RecordParser {
  return {
    parse: (records) =>
      records.map((record) => {
        const text = decodeText(record)
        return text === undefined ? { fault: NOT_UTF8 } : { values: { [column]: text } }
      }),
    readCell: (record, name) => (name === column ? decodeText(record) : undefined),
  }
}
