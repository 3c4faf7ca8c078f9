import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findModel } from '../../src/models/find-model.ts'
import { hashModel } from '../../src/models/hash-model.ts'
import { listModels } from '../../src/models/list-models.ts'
import type { ModelSettings } from '../../src/models/model-folders.ts'

const COMMIT = 'a'.repeat(40)
let home: string
let settings: ModelSettings

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'diffgentor-models-'))
  settings = { modelsDir: join(home, 'mine'), hfHome: undefined, hfHubCache: join(home, 'hub'), cacheDir: join(home, 'cache') }
  writeModel(join(home, 'mine', 'foxes'))
  const repository = join(home, 'hub', 'models--acme--tiny-sd')
  mkdirSync(join(repository, 'refs'), { recursive: true })
  writeFileSync(join(repository, 'refs', 'main'), `${COMMIT}\n`)
  writeModel(join(repository, 'snapshots', COMMIT))
})
afterEach(() => rmSync(home, { recursive: true }))

function writeModel(folder: string): void {
  mkdirSync(join(folder, 'unet'), { recursive: true })
  writeFileSync(join(folder, 'model_index.json'), '{}')
  writeFileSync(join(folder, 'unet', 'model.onnx'), 'graph')
}

describe('findModel', () => {
  it('takes the built-in model when no name is given', async () => {
    expect((await findModel(undefined, settings)).name).toBe('emoji')
  })

  it('finds a model by name in the models folder, by path and by hub id', async () => {
    const folder = join(home, 'mine', 'foxes')
    expect(await findModel('foxes', settings)).toEqual({ name: 'foxes', folder })
    expect(await findModel(`${folder}/`, settings)).toEqual({ name: 'foxes', folder })
    const snapshot = join(home, 'hub', 'models--acme--tiny-sd', 'snapshots', COMMIT)
    expect(await findModel('acme/tiny-sd', settings)).toMatchObject({ name: 'acme/tiny-sd', folder: snapshot })
    expect((await findModel(`acme/tiny-sd@${COMMIT}`, settings)).folder).toBe(snapshot)
  })

  it('offers the nearest name and lists what is known', async () => {
    await expect(findModel('foxs', settings)).rejects.toThrow(/Did you mean foxes\? Known: .*emoji.*foxes.*acme\/tiny-sd/)
  })

  it('says how to get a model that was not downloaded', async () => {
    await expect(findModel('acme/other@v2', settings)).rejects.toThrow(/diffgentor models pull acme\/other@v2/)
  })

  it('wants a folder, not a graph', async () => {
    await expect(findModel(join(home, 'mine/foxes/unet/model.onnx'), settings)).rejects.toThrow(/must be a folder/)
  })

  it.each(['', 'acme/tiny-sd@../../models--acme--tiny-sd', 'acme/../acme/tiny-sd'])(
    'finds nothing under %j, not even by walking about in the cache',
    async (name) => {
      await expect(findModel(name, settings)).rejects.toMatchObject({ code: 'model_not_found' })
    },
  )
})

describe('listModels', () => {
  it('lists folders with graphs from every place, and nothing else', async () => {
    mkdirSync(join(home, 'mine', 'empty'))
    writeFileSync(join(home, 'mine', 'notes.txt'), '')
    symlinkSync('nowhere', join(home, 'mine', 'foxes', 'dangling'))
    const listed = await listModels(settings)
    expect(listed.map(({ name, origin }) => `${origin} ${name}`)).toEqual([
      'built-in emoji',
      'models_dir foxes',
      'hub acme/tiny-sd',
    ])
    expect(listed[1]).toMatchObject({ bytes: 7 })
  })
})

describe('hashModel', () => {
  const graph = 'unet/model.onnx'

  it('changes with any file that the model is made of, and with nothing else', async () => {
    const folder = join(home, 'mine', 'foxes')
    const first = await hashModel(folder, [graph], settings)
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    writeFileSync(join(folder, 'README.md'), 'hello')
    expect(await hashModel(folder, [graph], settings)).toBe(first)
    writeFileSync(join(folder, 'model_index.json'), '{"a":1}')
    const second = await hashModel(folder, [graph], settings)
    expect(second).not.toBe(first)
    writeFileSync(join(folder, graph), 'other')
    utimesSync(join(folder, graph), 1, 1)
    expect(await hashModel(folder, [graph], settings)).not.toBe(second)
  })

  it('is the same for a copy elsewhere', async () => {
    writeModel(join(home, 'copy'))
    expect(await hashModel(join(home, 'copy'), [graph], settings)).toBe(
      await hashModel(join(home, 'mine/foxes'), [graph], settings),
    )
  })

  it('needs no cache that can be written', async () => {
    writeFileSync(join(home, 'cache'), 'a file in the way')
    expect(await hashModel(join(home, 'mine/foxes'), [graph], settings)).toMatch(/^[0-9a-f]{64}$/)
  })
})
