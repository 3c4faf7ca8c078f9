import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type SheetEntry, writeContactSheet } from '../../src/images/contact-sheet.ts'
import { fixturePath } from '../support/fixtures.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'diffgentor-sheet-'))
  copyFileSync(fixturePath('images/inputs/a-64x64.png'), join(folder, 'a #1.png'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function write(entries: SheetEntry[], options = {}) {
  const written = await writeContactSheet(folder, entries, options)
  return { ...written, page: readFileSync(written.html, 'utf8') }
}

describe('the contact sheet', () => {
  it('shows each picture with its prompt, seed and time, and links to the file', async () => {
    const { page } = await write([{ file: 'a #1.png', prompt: 'a fox', seed: 7, ms: 1234 }])
    expect(page).toContain('href="./a%20%231.png"')
    expect(page).toMatch(/a fox.*seed 7.*1\.23 s/s)
    const [, data] = /src="data:image\/webp;base64,([^"]+)"/.exec(page) ?? []
    expect(await sharp(Buffer.from(data!, 'base64')).metadata()).toMatchObject({ format: 'webp', width: 64, height: 64 })
  })

  it('refers to nothing outside itself but the pictures', async () => {
    const { page } = await write([{ file: 'a #1.png', prompt: 'a fox' }])
    expect(page).not.toMatch(/https?:|<script|<link|url\(/)
  })

  it('escapes whatever a prompt, a title or a name holds', async () => {
    const prompt = '<img src=x onerror=alert(1)> "quoted" & \'single\''
    const { page } = await write([{ file: '"><script>.png', prompt }], { title: '</title><script>' })
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt; &quot;quoted&quot; &amp; &#39;single&#39;')
    expect(page).not.toMatch(/<script|<img src=x/)
  })

  it('shows edits before and after', async () => {
    const source = fixturePath('images/inputs/b-96x64.png')
    const { page, png } = await write([{ file: 'a #1.png', prompt: 'make it blue', sourceFile: source }])
    expect(page.match(/<img /g)).toHaveLength(2)
    expect(page).toMatch(/data-label="before".*data-label="after"/s)
    expect((await sharp(png).metadata()).width).toBeGreaterThan(2 * 96)
  })

  it('shows no more pictures than it may, and says how many there are', async () => {
    const entries = Array.from({ length: 30 }, (_, i) => ({ file: 'a #1.png', prompt: `fox ${i}` }))
    const { page, shown, total } = await write(entries, { maxPictures: 20 })
    expect({ shown, total, cards: page.match(/<figure/g)?.length }).toEqual({ shown: 20, total: 30, cards: 20 })
    expect(page).toContain('The first 20 of 30 pictures')
  })

  it('goes on when a file is missing, and leaves only whole files behind', async () => {
    const { page } = await write([{ file: 'gone.png', prompt: 'lost' }])
    expect(page).toContain('cannot be read')
    expect(readdirSync(folder).sort()).toEqual(['a #1.png', 'contact-sheet.html', 'contact-sheet.png'])
  })

  it('is there, and empty, for a run without pictures', async () => {
    const { page, png } = await write([])
    expect(page).toContain('0 pictures')
    expect((await sharp(png).metadata()).format).toBe('png')
  })
})
