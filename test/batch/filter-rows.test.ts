import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseRowFilter, selectRows } from '../../src/batch/filter-rows.ts'

const select = (text: string, rows = 12) => Array.from({ length: rows }, (_, row) => row).filter(parseRowFilter(text))

it.each([
  ['0:3', [0, 1, 2]],
  ['9:', [9, 10, 11]],
  [':2', [0, 1]],
  ['0,5,10', [0, 5, 10]],
  [' 1 , 4:6 ,10: ', [1, 4, 5, 10, 11]],
  ['5:5', []],
  ['4:2', []],
  [':', Array.from({ length: 12 }, (_, row) => row)],
])('reads %j', (text, rows) => {
  expect(select(text)).toEqual(rows)
})

it.each(['', '1-3', 'a', '-1', '1:2:3', '1,,2', '0x10', '1.5'])('refuses %j with a sentence', (text) => {
  expect(() => parseRowFilter(text)).toThrow(/--filter_rows expects rows such as/)
})

it('selects what any of its parts selects', () => {
  const part = fc.oneof(
    fc.nat(40).map((row) => ({ text: `${row}`, has: (at: number) => at === row })),
    fc.tuple(fc.nat(40), fc.nat(40)).map(([from, to]) => ({ text: `${from}:${to}`, has: (at: number) => at >= from && at < to })),
    fc.nat(40).map((from) => ({ text: `${from}:`, has: (at: number) => at >= from })),
  )
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), (parts) => {
      const expected = Array.from({ length: 60 }, (_, row) => row).filter((row) => parts.some(({ has }) => has(row)))
      expect(select(parts.map(({ text }) => text).join(','), 60)).toEqual(expected)
    }),
  )
})

it('splits every row to exactly one node', () => {
  const nodes = [0, 1, 2].map((nodeRank) => selectRows({ nodeRank, numNodes: 3 }))
  for (let row = 0; row < 100; row++) expect(nodes.filter((has) => has(row))).toHaveLength(1)
})
