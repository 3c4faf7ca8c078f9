import fs, { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { FolderSink } from '../../src/sinks/folder-sink.ts'
import { PartNames, readPartOwner, sweepPartFiles } from '../../src/sinks/part-files.ts'

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-sink-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The machine's file calls, of which one fails. */
function failing(call: 'open' | 'write' | 'fdatasync' | 'close' | 'rename', code: string): typeof fs {
  const fail = (...all: unknown[]) => {
    const done = all.at(-1) as (error: unknown) => void
    const error = Object.assign(new Error(`${code}: played`), { code })
    // A descriptor that could not be closed cleanly is gone all the same.
    if (call === 'close') return fs.close(all[0] as number, () => done(error))
    done(error)
  }
  return { ...fs, [call]: fail } as typeof fs
}

const BYTES = Buffer.from('picture')

it('writes, flushes and only then renames', async () => {
  const folder = makeFolder()
  const order: string[] = []
  const spied = { ...fs }
  for (const name of ['open', 'write', 'fdatasync', 'close', 'rename'] as const) {
    const call = fs[name] as (...all: unknown[]) => void
    ;(spied as Record<string, unknown>)[name] = (...all: unknown[]) => {
      order.push(name)
      call(...all)
    }
  }
  await new FolderSink(folder, 'a1', spied).save('a.png', BYTES)
  expect(order).toEqual(['open', 'write', 'fdatasync', 'close', 'rename'])
  expect(readFileSync(join(folder, 'a.png'))).toEqual(BYTES)
})

it.each(['open', 'write', 'fdatasync', 'close', 'rename'] as const)(
  'leaves the old file whole and no part file when %s fails',
  async (call) => {
    const folder = makeFolder()
    writeFileSync(join(folder, 'a.png'), 'old')
    const sink = new FolderSink(folder, 'a1', failing(call, 'ENOSPC'))
    await expect(sink.save('a.png', BYTES)).rejects.toMatchObject({
      code: 'disk_full',
      message: expect.stringContaining('"a.png"'),
    })
    expect(readdirSync(folder)).toEqual(['a.png'])
    expect(readFileSync(join(folder, 'a.png'), 'utf8')).toBe('old')
  },
)

it('goes on after a short write', async () => {
  const folder = makeFolder()
  const files = {
    ...fs,
    write: ((
      fd: number,
      bytes: Uint8Array,
      offset: number,
      length: number,
      position: null,
      done: (error: unknown, written: number) => void,
    ) => fs.write(fd, bytes, offset, Math.min(2, length), position, done)) as unknown as typeof fs.write,
  }
  await new FolderSink(folder, 'a1', files).save('a.png', BYTES)
  expect(readFileSync(join(folder, 'a.png'))).toEqual(BYTES)
})

it.each([
  ['ENOSPC', 'disk_full', true],
  ['EDQUOT', 'disk_full', true],
  ['EACCES', 'not_writable', true],
  ['EROFS', 'not_writable', true],
  ['ENAMETOOLONG', 'invalid_output_name', false],
  ['EISDIR', 'invalid_output_name', false],
  ['EWHATEVER', 'not_writable', true],
])('says %s in one sentence, as %s', async (errno, code, endsRun) => {
  const sink = new FolderSink(makeFolder(), 'a1', failing('open', errno))
  const error = await sink.save('a.png', BYTES).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code, traits: { endsRun } })
  expect((error as Error).message).toMatch(/^[A-Z"].*\.$/)
})

it('takes a name as long as the file system allows', async () => {
  const folder = makeFolder()
  const name = `${'x'.repeat(251)}.png`
  await new FolderSink(folder, '0123456789ab', fs).save(name, BYTES)
  expect(readdirSync(folder)).toEqual([name])
})

it('writes through no link that stands under the final name', async () => {
  const [folder, outside] = [makeFolder(), makeFolder()]
  writeFileSync(join(outside, 'victim'), 'untouched')
  symlinkSync(join(outside, 'victim'), join(folder, 'a.png'))
  await new FolderSink(folder, 'a1').save('a.png', BYTES)
  expect(readFileSync(join(outside, 'victim'), 'utf8')).toBe('untouched')
  expect(readFileSync(join(folder, 'a.png'))).toEqual(BYTES)
})

it('makes folders inside the root and refuses those that a link leads elsewhere', async () => {
  const [folder, outside] = [makeFolder(), makeFolder()]
  symlinkSync(outside, join(folder, 'door'))
  const sink = new FolderSink(folder, 'a1')
  await sink.prepare('a/b/c.png')
  await sink.save('a/b/c.png', BYTES)
  await expect(sink.prepare('door/c.png')).rejects.toMatchObject({ code: 'invalid_output_name' })
  await expect(sink.prepare('door/deep/c.png')).rejects.toMatchObject({ code: 'invalid_output_name' })
  expect(readdirSync(outside)).toEqual([])
})

it.skipIf(process.getuid?.() === 0)('says when a folder may not be written to', async () => {
  const folder = makeFolder()
  chmodSync(folder, 0o500)
  await expect(new FolderSink(folder, 'a1').save('a.png', BYTES)).rejects.toThrow(/permission denied/)
})

it('sweeps part files of dead runs at any depth, but none of living runs and nothing else', async () => {
  const folder = makeFolder()
  fs.mkdirSync(join(folder, 'deep/er'), { recursive: true })
  const [dead, living] = [new PartNames('dead'), new PartNames('beef')]
  for (const path of [
    dead.beside(join(folder, 'a.png')),
    dead.beside(join(folder, 'deep/er/a.png')),
    living.beside(join(folder, 'a.png')),
  ]) {
    writeFileSync(path, '')
  }
  for (const name of ['a.png', '.hidden', '.x.dgpart', 'dead-0.dgpart']) writeFileSync(join(folder, name), '')
  expect(await sweepPartFiles(folder, ({ id }) => id === 'beef')).toBe(2)
  expect(readdirSync(folder).sort()).toEqual(['.beef-0.dgpart', '.hidden', '.x.dgpart', 'a.png', 'dead-0.dgpart', 'deep'])
})

it('knows its own part names and no others', () => {
  expect(readPartOwner('.0a1b-12.dgpart')).toEqual({ id: '0a1b', number: 12 })
  for (const name of ['0a1b-12.dgpart', '.0a1b.dgpart', '.0A1B-1.dgpart', '.a-1.part', '.a-1.dgpart.png'])
    expect(readPartOwner(name)).toBeUndefined()
})
