import { createWriteStream } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { RawPicture } from '../contract/index.ts'
import { renderCard, renderFoot, renderHead, type SheetPicture } from './contact-sheet-page.ts'
import { encodePicture } from './encode-picture.ts'
import { joinSheet } from './join-sheet.ts'
import { makeThumbnail } from './thumbnail.ts'

/** One picture of a run, as the sheet shows it. */
export interface SheetEntry {
  /** Path of the picture, inside the folder of the sheet. */
  file: string
  prompt: string
  seed?: number | undefined
  /** How long it took, in milliseconds. */
  ms?: number | undefined
  /** For an edit: what it started from, inside the folder or absolute. */
  sourceFile?: string | undefined
}

export interface SheetOptions {
  /** Heading of the page. Default `diffgentor`. */
  title?: string | undefined
  /** Name of both files, without ending. Default `contact-sheet`. */
  name?: string | undefined
  /** Pictures shown at most; further ones are only counted. Default 500. */
  maxPictures?: number | undefined
}

export interface WrittenSheet {
  html: string
  png: string
  shown: number
  total: number
}

const MAX_PICTURES = 500
/** The PNG is for a glance: 10 rows of 10. */
const MAX_PICTURES_IN_PNG = 100

/**
 * Writes `contact-sheet.html`, one file with everything in it, and `contact-sheet.png` for a glance into a folder. Entries are read one by one
 * and the page is written as they come, so the number of pictures costs no memory. Both files appear when they are complete.
 */
export async function writeContactSheet(
  folder: string,
  entries: AsyncIterable<SheetEntry> | Iterable<SheetEntry>,
  options: SheetOptions = {},
): Promise<WrittenSheet> {
  const { title = 'diffgentor', name = 'contact-sheet', maxPictures = MAX_PICTURES } = options
  const [html, png] = [join(folder, `${name}.html`), join(folder, `${name}.png`)]
  const tally: Tally = { shown: 0, total: 0, thumbnails: [] }
  const page = Readable.from(renderPage(folder, entries, { title, maxPictures }, tally))
  await writeWhole(html, (part) => pipeline(page, createWriteStream(part)))
  const picture = await encodePicture(joinSheet(tally.thumbnails), { format: 'png' })
  await writeWhole(png, (part) => writeFile(part, picture))
  return { html, png, shown: tally.shown, total: tally.total }
}

interface Tally {
  shown: number
  total: number
  /** Source and result of the first pictures; the source is absent where there is none. */
  thumbnails: RawPicture[][]
}

async function* renderPage(
  folder: string,
  entries: AsyncIterable<SheetEntry> | Iterable<SheetEntry>,
  { title, maxPictures }: { title: string; maxPictures: number },
  tally: Tally,
): AsyncGenerator<string> {
  yield renderHead(title)
  for await (const entry of entries) {
    tally.total++
    if (tally.shown >= maxPictures) continue
    tally.shown++
    const source = entry.sourceFile === undefined ? undefined : await makeThumbnail(resolve(folder, entry.sourceFile))
    const result = await makeThumbnail(resolve(folder, entry.file))
    if (tally.shown <= MAX_PICTURES_IN_PNG) tally.thumbnails.push([source, result].filter((picture) => picture !== undefined))
    yield renderCard({ ...entry, source: await toSheetPicture(source), result: await toSheetPicture(result) })
  }
  yield renderFoot(tally)
}

async function toSheetPicture(thumbnail: RawPicture | undefined): Promise<SheetPicture | undefined> {
  if (!thumbnail) return undefined
  const webp = await encodePicture(thumbnail, { format: 'webp', quality: 80 })
  const url = `data:image/webp;base64,${Buffer.from(webp).toString('base64')}`
  return { url, width: thumbnail.width, height: thumbnail.height }
}

/** Writes under a hidden name and renames; what cannot be finished leaves nothing behind. */
async function writeWhole(path: string, write: (part: string) => Promise<void>): Promise<void> {
  const part = join(dirname(path), `.${basename(path)}.part`)
  try {
    await write(part)
    await rename(part, path)
  } catch (error) {
    await rm(part, { force: true })
    throw error
  }
}
