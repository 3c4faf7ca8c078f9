import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect, makeFolder, openContent } from './temporary-folder.ts'

const folder = makeFolder()

function openIds(ids: readonly unknown[]) {
  return openContent(folder, 'jsonl', ids.map((id) => JSON.stringify({ id, prompt: 'a fox' })).join('\n'))
}

describe('the index of a row', () => {
  it('is the index or id column where that is a whole number, else its position', async () => {
    await using dataset = await openIds([7, '8', '9.0', 'fox-1', -1, 2.5, null, 1e300])
    const rows = await collect(dataset.rows())
    expect(rows.map(({ index }) => index)).toEqual([7, 8, 9, 3, 4, 5, 6, 7])
    expect(rows[3]!.values.id).toBe('fox-1')
    expect(dataset.hasIndexColumn).toBe(true)
  })

  it('comes from index before id', async () => {
    await using dataset = await openContent(folder, 'csv', 'id,index,prompt\n5,50,a fox\n6,60,an owl\n')
    expect((await collect(dataset.rows())).map(({ index }) => index)).toEqual([50, 60])
  })

  it('of a line that cannot be read never takes that of another row', async () => {
    const lines = ['{"id":1,"prompt":"a fox"}', 'nonsense', '{"id":3,"prompt":"an owl"}', '{"id":4,']
    await using dataset = await openContent(folder, 'jsonl', lines.join('\n'))
    const indexes = (await collect(dataset.rows())).map(({ index }) => index)
    expect(new Set(indexes).size).toBe(4)
    expect(indexes.filter((index) => index <= 4)).toEqual([1, 3])
    expect(await dataset.findDuplicateIndexes()).toEqual([])
  })

  it('of a ragged line that holds none never takes that of another row', async () => {
    await using dataset = await openContent(folder, 'csv', 'id,prompt\n1,a fox\nan owl\n3,a toad\n"4,a hen\n')
    const indexes = (await collect(dataset.rows())).map(({ index }) => index)
    expect(indexes.filter((index) => index < 100)).toEqual([1, 3])
    expect(new Set(indexes).size).toBe(4)
    expect(await dataset.findDuplicateIndexes()).toEqual([])
  })

  it('of a ragged line is still the one that stands there', async () => {
    await using dataset = await openContent(folder, 'csv', 'prompt,id\n"a, ""fox""",5\nan owl,6,too much\n')
    const rows = await collect(dataset.rows({ wants: (position) => position === 1 }))
    expect(rows.map(({ index, error }) => [index, error?.code])).toEqual([[6, 'invalid_row']])
  })
})

describe('duplicate indexes', () => {
  it('are found exactly, small or huge', async () => {
    const id = fc.oneof(fc.nat(50), fc.nat(), fc.maxSafeNat(), fc.constantFrom(2 ** 29, 2 ** 29 - 1, 2 ** 53 - 1, 2 ** 32))
    await fc.assert(
      fc.asyncProperty(fc.array(id, { minLength: 1, maxLength: 60 }), async (ids) => {
        await using dataset = await openIds(ids)
        const repeats = ids.filter((value, at) => ids.indexOf(value) !== at)
        expect(await dataset.findDuplicateIndexes()).toEqual([...new Set(repeats)].slice(0, 5))
      }),
      { numRuns: 100 },
    )
  })

  it('are not seen where there are none among many random ones', async () => {
    let state = 88_172_645_463_325_252n
    const ids = Array.from({ length: 50_000 }, () => {
      state ^= BigInt.asUintN(64, state << 13n)
      state ^= state >> 7n
      state ^= BigInt.asUintN(64, state << 17n)
      return Number(state >> 11n)
    })
    await using dataset = await openIds(ids)
    expect(await dataset.findDuplicateIndexes()).toEqual([])
    await using repeated = await openIds([...ids, ids[123]])
    expect(await repeated.findDuplicateIndexes()).toEqual([ids[123]])
  })
})
