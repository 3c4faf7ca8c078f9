import { execFileSync } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InputFormat } from '../../src/datasets/input-format.ts'
import { openDataset } from '../../src/datasets/open-dataset.ts'
import { collect, makeFolder, openContent } from './temporary-folder.ts'

const folder = makeFolder()
const COUNT = 20_000

/** Twenty thousand rows in each format: several chunks and checkpoints. */
const WRITERS: Record<string, (prompts: readonly string[]) => string> = {
  txt: (prompts) => prompts.join('\n\n'),
  jsonl: (prompts) => prompts.map((prompt) => JSON.stringify({ prompt })).join('\n'),
  json: (prompts) => JSON.stringify(prompts.map((prompt) => ({ prompt }))),
  csv: (prompts) => ['prompt,note', ...prompts.map((prompt) => `"${prompt}","two\nlines, ""quoted"""`)].join('\r\n'),
}
const prompts = Array.from({ length: COUNT }, (_, at) => `a fox number ${at}, painted`)

describe.each(Object.entries(WRITERS))('%s', (format, write) => {
  it('gives the same rows from any position, before and after it was counted', async () => {
    await using dataset = await openContent(folder, format, write(prompts))
    const all = await collect(dataset.rows())
    expect(all.map(({ values }) => values.prompt)).toEqual(prompts)
    const froms = [0, 1, 8191, 8192, 8193, 16_384, COUNT - 1, COUNT]
    const expectRows = async (from: number) => {
      const rows = await collect(dataset.rows({ from }))
      expect([rows.length, rows[0], rows.at(-1)]).toEqual([COUNT - from, all[from], from < COUNT ? all.at(-1) : undefined])
    }
    for (const from of froms) await expectRows(from)
    expect(await dataset.countRows()).toBe(COUNT)
    for (const from of froms) await expectRows(from)
  })

  it('passes over rows that are not wanted', async () => {
    await using dataset = await openContent(folder, format, write(prompts))
    const wanted = await collect(dataset.rows({ from: 5, wants: (position) => position % 1000 === 3 }))
    expect(wanted.map(({ position }) => position)).toEqual(Array.from({ length: 19 }, (_, at) => 1003 + at * 1000))
  })

  it('takes appended rows for no change and any other change for one', async () => {
    await using dataset = await openContent(folder, format, write(prompts.slice(0, 9000)))
    const earlier = await dataset.fingerprint()
    expect(earlier.rows).toBe(9000)
    const startsWith = async (changed: readonly string[]) => {
      await using other = await openContent(folder, format, write(changed))
      return await other.startsWith(earlier)
    }
    expect(await startsWith(prompts.slice(0, 9000))).toBe(true)
    expect(await startsWith(prompts)).toBe(true)
    expect(await startsWith(prompts.slice(0, 8999))).toBe(false)
    expect(await startsWith(prompts.with(8999, 'a fox number 8999, painted twice'))).toBe(false)
    expect(await startsWith(prompts.with(0, 'an owl number 0, painted'))).toBe(false)
  })
})

describe('a data set', () => {
  it('takes a last line that grew for a change, and one that was ended for none', async () => {
    const path = join(folder, 'growing.txt')
    writeFileSync(path, 'a fox\nan owl')
    await using before = await openDataset({ source: path, kind: 't2i' })
    const earlier = await before.fingerprint()
    appendFileSync(path, '\na toad\n')
    await using longer = await openDataset({ source: path, kind: 't2i' })
    expect(await longer.startsWith(earlier)).toBe(true)
    writeFileSync(path, 'a fox\nan owlet\n')
    await using changed = await openDataset({ source: path, kind: 't2i' })
    expect(await changed.startsWith(earlier)).toBe(false)
  })

  it('keeps its size while the file grows under it', async () => {
    const path = join(folder, 'log.txt')
    writeFileSync(path, 'a fox\nan owl\n')
    await using dataset = await openDataset({ source: path, kind: 't2i' })
    appendFileSync(path, 'a toad\n')
    expect(await dataset.countRows()).toBe(2)
    expect(await collect(dataset.rows())).toHaveLength(2)
  })

  it('stops at an aborted signal', async () => {
    await using dataset = await openContent(folder, 'txt', 'a fox\nan owl\n')
    await expect(collect(dataset.rows({ signal: AbortSignal.abort() }))).rejects.toThrow()
  })

  describe('from standard input', () => {
    const openStdin = (text: string, format: InputFormat = 'jsonl') =>
      openDataset({
        source: '-',
        kind: 't2i',
        format,
        stdin: Readable.from([text.slice(0, 9), text.slice(9)]),
        spoolFolder: folder,
      })
    const listSpools = () => readdirSync(folder).filter((name) => name.includes('stdin'))

    it('can be read again, and compared with those of an earlier run', async () => {
      await using dataset = await openStdin('{"prompt":"a fox"}\n"an owl"\n')
      expect(await dataset.countRows()).toBe(2)
      expect((await collect(dataset.rows())).map(({ values }) => values.prompt)).toEqual(['a fox', 'an owl'])
      await using longer = await openStdin('{"prompt":"a fox"}\n"an owl"\n"a toad"')
      expect(await longer.startsWith(await dataset.fingerprint())).toBe(true)
      expect(await longer.countRows()).toBe(3)
    })

    it.skipIf(process.platform === 'win32')('or a named pipe, as a shell makes of a command, are the same', async () => {
      const pipe = join(folder, 'pipe')
      execFileSync('mkfifo', [pipe])
      const writing = writeFile(pipe, 'a fox\nan owl\n')
      await using dataset = await openDataset({ source: pipe, kind: 't2i', format: 'txt', spoolFolder: folder })
      await writing
      expect(await collect(dataset.rows())).toHaveLength(2)
    })

    it('are kept only when the run begins, and leave those of an earlier run alone until then', async () => {
      {
        await using dataset = await openStdin('"a fox"\n')
        await dataset.keep?.()
        expect(await collect(dataset.rows())).toHaveLength(1)
      }
      {
        await using _ = await openStdin('"another fox"\n')
      }
      await expect(openStdin('')).rejects.toThrow('Standard input held no rows.')
      expect(listSpools()).toEqual(['stdin.jsonl'])
      expect(readFileSync(join(folder, 'stdin.jsonl'), 'utf8')).toBe('"a fox"\n')
    })
  })

  it('of prompts from the command line keeps them exactly', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), async (source) => {
        await using dataset = await openDataset({ source, kind: 't2i' })
        expect((await collect(dataset.rows())).map(({ values }) => values.prompt)).toEqual(source)
      }),
    )
  })
})
