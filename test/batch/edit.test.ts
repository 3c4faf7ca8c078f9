import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { encodePicture } from '../../src/images/encode-picture.ts'
import { readRecipe } from '../../src/images/read-recipe.ts'
import { type BatchTry, lastStatuses, listPictures, makeFolder, readLedger, tryBatch, WatchedBackend } from './batch-harness.ts'

function paint(width: number, height: number, tone: number): RawPicture {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, at) => (tone + at * 7) % 256)
  return { kind: 'raw', width, height, channels: 3, pixels }
}

async function savePicture(path: string, width: number, height: number, tone = 0): Promise<Uint8Array> {
  const bytes = await encodePicture(paint(width, height, tone), { format: 'png' })
  writeFileSync(path, bytes)
  return bytes
}

const tryEdit = (options: BatchTry) => tryBatch({ kind: 'edit', ...options })

it('hands a row’s pictures, mask and instruction to the backend and keeps their hashes in the recipe', async () => {
  const [sources, folder] = [makeFolder(), makeFolder()]
  const first = await savePicture(join(sources, 'a.png'), 24, 16)
  const second = await savePicture(join(sources, 'b.png'), 8, 8, 99)
  const mask = await savePicture(join(sources, 'mask.png'), 24, 16, 50)
  const backend = new WatchedBackend()
  const rows = [
    {
      image: [join(sources, 'a.png'), join(sources, 'b.png')],
      instruction: 'make it blue',
      mask: join(sources, 'mask.png'),
      strength: 0.5,
    },
  ]
  const { summary } = await tryEdit({ rows, folder, backend })
  expect(summary).toMatchObject({ done: 1, exitCode: 0 })
  const [request] = backend.requests
  expect(request).toMatchObject({ prompt: 'make it blue', edit: { strength: 0.5 } })
  expect(request!.edit!.images.map((bytes) => Buffer.from(bytes).equals(first) || Buffer.from(bytes).equals(second))).toEqual([
    true,
    true,
  ])
  expect((await decodePicture(request!.edit!.mask!)).picture).toMatchObject({ width: 24, height: 16 })
  const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  const recipe = await readRecipe(readFileSync(join(folder, '000000.png')))
  expect(recipe?.recipe).toMatchObject({ sourceHashes: [hashOf(first), hashOf(second)], maskHash: hashOf(mask) })
})

it('gives the result the size of its source unless a size is asked for', async () => {
  const [sources, folder] = [makeFolder(), makeFolder()]
  await savePicture(join(sources, 'odd.png'), 37, 21)
  const image = join(sources, 'odd.png')
  const rows = [
    { image, instruction: 'x' },
    { image, instruction: 'y', size: '32x48' },
  ]
  await tryEdit({ rows, folder })
  const sizeOf = async (name: string) => {
    const { width, height } = (await decodePicture(readFileSync(join(folder, name)))).picture
    return [width, height]
  }
  expect(await sizeOf('000000.png')).toEqual([37, 21])
  expect(await sizeOf('000001.png')).toEqual([32, 48])
})

it('takes the instruction from its column, else from the command line, and resolves paths against the data set', async () => {
  const folder = makeFolder()
  const sources = makeFolder()
  await savePicture(join(sources, 'a.png'), 16, 16)
  const backend = new WatchedBackend()
  const image = join(sources, 'a.png')
  const rows = [
    { image, wish: 'by column' },
    { image, wish: '' },
  ]
  await tryEdit({ rows, folder, backend, settings: { instruction: 'for all', instructionKey: 'wish' } })
  expect(backend.requests.map(({ prompt }) => prompt).sort()).toEqual(['by column', 'for all'])
})

it('fails rows whose pictures are missing, broken or refused, each with its sentence, and works the others', async () => {
  const [sources, folder] = [makeFolder(), makeFolder()]
  await savePicture(join(sources, 'good.png'), 16, 16)
  await savePicture(join(sources, 'small.png'), 8, 8)
  writeFileSync(join(sources, 'torn.png'), readFileSync(join(sources, 'good.png')).subarray(0, 40))
  writeFileSync(join(sources, 'text.png'), 'hello')
  mkdirSync(join(sources, 'folder.png'))
  const good = join(sources, 'good.png')
  const rows = [
    { image: good, instruction: 'x' },
    ...['missing.png', 'torn.png', 'text.png', 'folder.png'].map((name) => ({ image: join(sources, name), instruction: 'x' })),
    { image: 'http://127.0.0.1:9/a.png', instruction: 'x' },
    { image: 'ftp://host/a.png', instruction: 'x' },
    { image: '', instruction: 'x' },
    { image: good, mask: join(sources, 'small.png'), instruction: 'x' },
    { image: good, instruction: 'last' },
  ]
  const { summary } = await tryEdit({ rows, folder })
  expect(summary).toMatchObject({ done: 2, failed: 8, exitCode: 1 })
  expect(lastStatuses(folder)).toMatchObject({ 0: 'done', 9: 'done' })
  const codes = Object.fromEntries(readLedger(folder).map(({ index, error }) => [index, error?.code]))
  expect([1, 2, 3, 4, 5, 6, 7, 8].map((index) => codes[index])).toEqual([
    'unreadable_image',
    'unreadable_image',
    'unreadable_image',
    'unreadable_image',
    'fetch_refused',
    'invalid_row',
    'invalid_row',
    'invalid_request',
  ])
})

it('fetches a picture again when its server was out of order', async () => {
  const folder = makeFolder()
  const bytes = await encodePicture(paint(16, 16, 3), { format: 'png' })
  let requests = 0
  const server = createServer((_, response) => {
    if (++requests === 1) response.writeHead(503).end()
    else response.writeHead(200, { 'content-type': 'image/png' }).end(bytes)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const image = `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.png`
  const { summary } = await tryEdit({ rows: [{ image, instruction: 'x' }], folder, settings: { allowPrivateUrls: true } })
  expect(summary).toMatchObject({ done: 1, failed: 0 })
  expect(readLedger(folder).map(({ status, error }) => error?.code ?? status)).toEqual(['fetch_failed', 'done'])
})

it('writes results.csv beside the ledger without being asked', async () => {
  const [sources, folder] = [makeFolder(), makeFolder()]
  await savePicture(join(sources, 'a.png'), 16, 16)
  const image = join(sources, 'a.png')
  const rows = [
    { id: 'x-1', image, instruction: 'one', note: 'keep' },
    { id: 'x-2', image: 'nowhere.png', instruction: 'two', note: '' },
  ]
  const { summary } = await tryEdit({ rows, folder })
  const table = readFileSync(summary.resultsFile!, 'utf8').trim().split('\n')
  expect(summary.resultsFile).toBe(join(folder, 'results.csv'))
  expect(table[0]).toBe('id,image,instruction,note,output_image,instruction_enhanced,error')
  expect(table[1]).toBe(`x-1,${image},one,keep,000000.png,,`)
  expect(table[2]).toMatch(/^x-2,nowhere\.png,two,,,,.*does not exist/)
})

it('uses a better instruction and says so, and the original where none could be made', async () => {
  const [sources, folder] = [makeFolder(), makeFolder()]
  await savePicture(join(sources, 'a.png'), 16, 16)
  const image = join(sources, 'a.png')
  const backend = new WatchedBackend()
  const enhancePrompt = async ({ prompt }: { prompt: string }) => {
    if (prompt === 'two') throw new Error('the endpoint is down')
    return `${prompt}, in oil`
  }
  await tryEdit({ rows: ['one', 'two'].map((instruction) => ({ image, instruction })), folder, backend, enhancePrompt })
  expect(backend.requests.map(({ prompt }) => prompt).sort()).toEqual(['one, in oil', 'two'])
  const table = readFileSync(join(folder, 'results.csv'), 'utf8').trim().split('\n')
  expect(table[1]).toMatch(/,one,000000\.png,"one, in oil",$/)
  expect(table[2]).toMatch(/,two,000001\.png,,.*the endpoint is down/)
})

it('gives a ControlNet its condition picture, from the row or for all, and refuses a row that lacks one', async () => {
  const [sources, folder] = [makeFolder(), makeFolder()]
  const own = await savePicture(join(sources, 'own.png'), 16, 16, 1)
  const shared = await savePicture(join(sources, 'shared.png'), 16, 16, 2)
  const backend = new WatchedBackend()
  const controlnet = [{ path: 'nets/canny', scale: 0.5, start: 0, end: 1 }]
  const rows = [{ prompt: 'a', control_image: join(sources, 'own.png') }, { prompt: 'b' }]
  await tryBatch({ rows, folder, backend, settings: { controlnet, controlImage: [join(sources, 'shared.png')] } })
  const imageOf = (wanted: string) => backend.requests.find(({ prompt }) => prompt === wanted)!.diffusion!.controlnets![0]!.image
  expect(Buffer.from(imageOf('a')).equals(own)).toBe(true)
  expect(Buffer.from(imageOf('b')).equals(shared)).toBe(true)
  const { summary } = await tryBatch({ rows, folder: makeFolder(), settings: { controlnet } })
  expect(summary).toMatchObject({ done: 1, failed: 1 })
})

it('shows source and result on the contact sheet', async () => {
  const [sources, folder] = [makeFolder(), makeFolder()]
  await savePicture(join(sources, 'a.png'), 16, 16)
  const rows = [{ image: join(sources, 'a.png'), instruction: 'make it glow' }]
  const { summary } = await tryEdit({ rows, folder, settings: { contactSheet: true } })
  const page = readFileSync(summary.contactSheetFile!, 'utf8')
  expect(page).toContain('make it glow')
  expect(page.match(/data:image\/webp;base64/g)).toHaveLength(2)
  expect(Object.keys(listPictures(folder))).toEqual(['000000.png'])
})
