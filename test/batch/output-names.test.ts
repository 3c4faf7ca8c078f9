import { symlinkSync } from 'node:fs'
import { join, normalize, posix, resolve, win32 } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { NameClaims } from '../../src/batch/name-claims.ts'
import { formatOfName, nameOutputs } from '../../src/batch/output-names.ts'
import { DiffgentorError } from '../../src/errors.ts'
import { listPictures, makeFolder, readLedger, tryBatch } from './batch-harness.ts'

const nameOf = (name: string) => nameOutputs({ index: 0, numImages: 1, name, format: 'png' })[0]!

it.each([
  ['cat', 'cat.png'],
  ['cat.jpg', 'cat.jpg'],
  ['cat.JPEG', 'cat.JPEG'],
  ['cat.webp', 'cat.webp'],
  ['cat.v2', 'cat.v2.png'],
  ['cat.gif', 'cat.gif.png'],
  ['a/b/cat', 'a/b/cat.png'],
  ['a\\b\\cat.avif', 'a/b/cat.avif'],
  ['./a//b/../cat', 'a/cat.png'],
  ['.png', '.png.png'],
  ['a/.jpg', 'a/.jpg.png'],
  ['console', 'console.png'],
  ['日本 🦊', '日本 🦊.png'],
  ['x'.repeat(251), `${'x'.repeat(251)}.png`],
])('makes of the name %j the file %j', (name, file) => {
  expect(nameOf(name)).toBe(file)
})

it.each([
  '../cat',
  'a/../../cat',
  '..',
  '.',
  'a/',
  'a/..',
  '/etc/cat',
  '\\\\server\\share\\cat',
  'C:\\cat',
  'c:cat',
  'a\0b',
  'a\nb',
  'con',
  'NUL.png',
  'a/Aux.txt/b',
  'com1',
  'LPT9.jpg',
  'prn .png',
  'COM¹',
  '\ud800',
  'contact-sheet.png',
  'contact-sheet-1-of-4.png',
  'x'.repeat(252),
  `a/${'é'.repeat(128)}/cat`,
])('refuses the name %j', (name) => {
  expect(() => nameOf(name)).toThrow(DiffgentorError)
})

it('names by index where a row has no name, with the number of the picture when there are several', () => {
  expect(nameOutputs({ index: 7, numImages: 1, format: 'jpeg' })).toEqual(['000007.jpg'])
  expect(nameOutputs({ index: 1_234_567, numImages: 1, name: ' ', format: 'webp' })).toEqual(['1234567.webp'])
  expect(nameOutputs({ index: 7, numImages: 2, format: 'png' })).toEqual(['000007_00.png', '000007_01.png'])
  expect(nameOutputs({ index: 7, numImages: 2, name: 'x.jpg', format: 'png' })).toEqual(['x_00.jpg', 'x_01.jpg'])
})

const hostilePart = fc.oneof(
  fc.constantFrom(
    '..',
    '.',
    '',
    ' ',
    '...',
    'con',
    'nul',
    '~',
    'C:',
    '\\',
    '/',
    '\0',
    '%2e%2e',
    '．．',
    '\u202e',
    'a.png',
    'A.PNG',
  ),
  fc.string({ unit: 'binary', maxLength: 12 }),
)
const hostileName = fc
  .array(hostilePart, { maxLength: 8 })
  .chain((parts) => fc.constantFrom('/', '\\', '').map((separator) => parts.join(separator)))

it('never gives a path that leaves the folder, on any system, whatever the name', () => {
  fc.assert(
    fc.property(hostileName, fc.integer({ min: 1, max: 3 }), (name, numImages) => {
      let names: string[]
      try {
        names = nameOutputs({ index: 3, numImages, name, format: 'png' })
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid_output_name' })
        expect((error as Error).message).not.toMatch(/[\n\0]/)
        return
      }
      for (const output of names) {
        expect(posix.isAbsolute(output) || win32.isAbsolute(output)).toBe(false)
        expect(resolve('/out', output).startsWith('/out/')).toBe(true)
        expect(win32.resolve('D:\\out', output).startsWith('D:\\out\\')).toBe(true)
        expect(normalize(output)).toBe(output)
        expect(output).toMatch(/\.(?:png|jpe?g|webp|avif)$/i)
        expect(['png', 'jpeg', 'webp', 'avif']).toContain(formatOfName(output))
      }
      expect(new Set(names).size).toBe(numImages)
    }),
    { numRuns: 3000 },
  )
})

it('writes a name’s own format', async () => {
  const folder = makeFolder()
  const rows = ['a.webp', 'b.jpg', 'c.avif', 'd'].map((output_name) => ({ prompt: output_name, output_name }))
  await tryBatch({ rows, folder })
  const { readFileSync } = await import('node:fs')
  const head = (name: string) => readFileSync(join(folder, name)).subarray(0, 12).toString('latin1')
  expect(head('a.webp')).toMatch(/^RIFF.{4}WEBP/s)
  expect(head('b.jpg')).toMatch(/^\xff\xd8/)
  expect(head('c.avif')).toMatch(/ftypavif/)
  expect(head('d.png')).toMatch(/^\x89PNG/)
})

it('lets the first of two rows have a name and fails the second, naming the first, whatever runs first and however often', async () => {
  const rows = [
    { prompt: '[delay:30] a', output_name: 'x' },
    { prompt: 'b', output_name: 'x.png' },
    { prompt: 'c', output_name: 'x.png/y' },
    { prompt: 'd', output_name: '000004' },
    { prompt: 'e', output_name: '' },
    { prompt: 'f', output_name: 'y' },
  ]
  const folder = makeFolder()
  for (const run of [1, 2]) {
    const { summary } = await tryBatch({ rows, folder })
    expect(summary).toMatchObject(run === 1 ? { done: 3, failed: 3 } : { skipped: 3, failed: 3 })
    const errors = Object.fromEntries(readLedger(folder).flatMap(({ index, error }) => (error ? [[index, error.message]] : [])))
    expect(errors[1]).toContain('taken by row 0')
    expect(errors[2]).toContain('taken by row 0')
    expect(errors[4]).toContain('"000004.png" was taken by row 3')
  }
  expect(Object.keys(listPictures(folder))).toEqual(['000004.png', 'x.png', 'y.png'])
})

it('refuses a name that leads out of the folder through a link', async () => {
  const [outside, folder] = [makeFolder(), makeFolder()]
  symlinkSync(outside, join(folder, 'door'))
  symlinkSync(join(outside, 'nowhere'), join(folder, 'dangling'))
  const rows = [
    { prompt: 'a', output_name: 'door/a' },
    { prompt: 'b', output_name: 'dangling/deep/b' },
    { prompt: 'c', output_name: 'in/c' },
  ]
  const { summary } = await tryBatch({ rows, folder })
  expect(summary).toMatchObject({ done: 1, failed: 2 })
  expect(listPictures(outside)).toEqual({})
  expect(readLedger(folder).filter(({ error }) => error?.code === 'invalid_output_name')).toHaveLength(2)
})

it('claims all names of a row or none, and knows every claim again among very many', () => {
  const claims = new NameClaims({ ignoresCase: false })
  for (let row = 0; row < 50_000; row++) expect(claims.claim(row, [`folder ${row % 100}/picture ${row}.png`])).toBeUndefined()
  expect(claims.claim(50_000, ['new.png', 'folder 7/picture 107.png'])).toEqual({
    name: 'folder 7/picture 107.png',
    takenBy: 107,
  })
  expect(claims.claim(50_001, ['new.png'])).toBeUndefined()
  expect(claims.claim(50_002, ['folder 7'])).toMatchObject({ takenBy: 7 })
  expect(claims.claim(50_003, ['Folder 8'])).toBeUndefined()
})

it('takes names that differ in case for one file where the file system does', () => {
  const claims = new NameClaims({ ignoresCase: true })
  expect(claims.claim(0, ['Caf\u00e9.png'])).toBeUndefined()
  expect(claims.claim(1, ['cafe\u0301.PNG'])).toMatchObject({ takenBy: 0 })
})
