import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ImageReference, parseImageCell } from '../../src/datasets/image-cell.ts'
import { loadImage } from '../../src/datasets/load-image.ts'
import { makeFolder } from './temporary-folder.ts'

const folder = makeFolder()
const existing = ['a, b.png', 'c|d,e.png', 'plain.png']
for (const name of existing) writeFileSync(join(folder, name), name)
const path = (name: string): ImageReference => ({ kind: 'path', path: join(folder, name) })
const signal = new AbortController().signal
const noFetcher = { fetchPicture: () => Promise.reject(new Error('nothing is fetched here')) }
const load = (cell: unknown) =>
  Promise.all(parseImageCell(cell, folder).map((reference) => loadImage(reference, noFetcher, signal)))

describe('a picture cell', () => {
  it.each<[string, unknown, ImageReference[]]>([
    ['one path', ' x.png ', [path('x.png')]],
    ['paths joined by commas', 'x.png, y.png,', [path('x.png'), path('y.png')]],
    ['paths joined by bars', 'x.png|y.png', [path('x.png'), path('y.png')]],
    ['an existing path with a comma', 'a, b.png', [path('a, b.png')]],
    [
      'existing paths with commas and bars, joined',
      'c|d,e.png|a, b.png,x.png',
      [path('c|d,e.png'), path('a, b.png'), path('x.png')],
    ],
    ['a URL', 'https://h/x.png?a=1|y.png', [{ kind: 'url', url: 'https://h/x.png?a=1' }, path('y.png')]],
    [
      'a URL with commas',
      'https://h/w_30,h_20/x.png, http://i/y.png',
      [
        { kind: 'url', url: 'https://h/w_30,h_20/x.png' },
        { kind: 'url', url: 'http://i/y.png' },
      ],
    ],
    ['a URL and a file that exists', 'https://h/x.png,plain.png', [{ kind: 'url', url: 'https://h/x.png' }, path('plain.png')]],
    [
      'data URLs',
      'data:image/png;base64,AAAA,data:image/png;base64,BBBB|x.png',
      [{ kind: 'data', url: 'data:image/png;base64,AAAA' }, { kind: 'data', url: 'data:image/png;base64,BBBB' }, path('x.png')],
    ],
    ['a JSON array', '["x,1.png", "https://h/y.png"]', [path('x,1.png'), { kind: 'url', url: 'https://h/y.png' }]],
    ['an array', ['x|1.png', null, { path: 'y.png' }], [path('x|1.png'), path('y.png')]],
    ['an object with a URL', { image_url: { url: 'https://h/x.png' } }, [{ kind: 'url', url: 'https://h/x.png' }]],
    ['embedded bytes', { bytes: Uint8Array.of(1), path: 'x.png' }, [{ kind: 'bytes', bytes: Uint8Array.of(1) }]],
    ['an embedded path alone', { bytes: null, path: 'x.png' }, [path('x.png')]],
    ['a file address', pathToFileURL('/tmp/x y.png').href, [{ kind: 'path', path: '/tmp/x y.png' }]],
    ['an absolute path', '/tmp/x.png', [{ kind: 'path', path: '/tmp/x.png' }]],
    ['nothing', '', []],
  ])('may be %s', (_, cell, expected) => {
    expect(parseImageCell(cell, folder)).toEqual(expected)
  })

  it('gives back what was joined, as long as names hold no separators', () => {
    const name = fc.stringMatching(/^[a-z0-9 ._ü-]*[a-z0-9]\.png$/).filter((text) => text === text.trim())
    const url = fc.webUrl({ withQueryParameters: true }).filter((text) => !/[,|]/.test(text))
    const data = fc.base64String().map((text) => `data:image/png;base64,${text}`)
    const reference = fc.oneof(name, url, data)
    fc.assert(
      fc.property(fc.array(reference, { minLength: 1 }), fc.constantFrom(',', '|', ' , '), (references, separator) => {
        const parsed = parseImageCell(references.join(separator), folder)
        const back = parsed.map((part) =>
          part.kind === 'path' ? part.path.slice(folder.length + 1) : 'url' in part ? part.url : '',
        )
        // A bare path after a URL and a comma without a blank is taken for a part of the URL.
        fc.pre(
          separator !== ',' ||
            !references.some((text, at) => /^http/.test(text) && !/^(http|data:)/.test(references[at + 1] ?? 'http')),
        )
        expect(back).toEqual(references)
        expect(parseImageCell(JSON.stringify(references), folder)).toEqual(parsed)
      }),
    )
  })

  it.each<[string, unknown, RegExp]>([
    ['a number', 7, /got a number/],
    ['an object without a picture', { width: 3 }, /fields width names no picture/],
    ['another scheme', 'ftp://h/x.png', /ftp: are not fetched; use http, https or a file/],
    ['a zero byte', 'x\0.png', /zero byte/],
  ])('may not be %s', (_, cell, message) => {
    expect(() => parseImageCell(cell, folder)).toThrow(message)
  })
})

describe('loading a picture', () => {
  it('reads files and data URLs, base64 or not', async () => {
    const bytes = await load([
      'plain.png',
      'data:image/png;base64,aGkg\nIQ==',
      'data:image/png;base64,aGkgIQ%3D%3D',
      'data:,a%20b%ff',
    ])
    expect(bytes.map((part) => Buffer.from(part).toString('latin1'))).toEqual(['plain.png', 'hi !', 'hi !', 'a b\xff'])
  })

  it.each<[string, string, RegExp]>([
    ['a missing file', 'none.png', /none\.png does not exist\.$/],
    ['a folder', '.', /is not a file\.$/],
    ['a data URL without data', 'data:image/png;base64', /without a comma/],
    ['an empty data URL', 'data:image/png;base64,', /holds no bytes/],
    ['broken base64', 'data:image/png;base64,a*b', /not base64/],
  ])('refuses %s in one sentence', async (_, cell, message) => {
    await expect(load(cell)).rejects.toMatchObject({ code: 'unreadable_image', message: expect.stringMatching(message) })
  })
})
