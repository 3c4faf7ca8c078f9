import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findOrPull } from '../../../src/models/find-or-pull.ts'
import type { HubSettings } from '../../../src/models/hub/hub-settings.ts'
import type { PullEvent } from '../../../src/models/hub/pull-event.ts'
import { pullModel } from '../../../src/models/hub/pull-model.ts'
import { type GraphWish, holdsWish, hubLayout } from '../../../src/pipelines/index.ts'
import { fixturePath } from '../../support/fixtures.ts'
import { type FakeHub, startFakeHub } from './fake-hub.ts'
import { settingsFor } from './hub-settings.ts'

const COMMIT = 'e'.repeat(40)
const ID = { repository: 'acme/tiny' }
let hub: FakeHub
let settings: HubSettings
let files: Record<string, Buffer>

beforeEach(async () => {
  hub = await startFakeHub()
  settings = settingsFor(hub.endpoint)
  files = readFolder(fixturePath('models/sd15-tiny'))
  hub.repositories.set('acme/tiny', { commit: COMMIT, files })
})
afterEach(() => hub[Symbol.asyncDispose]())

function readFolder(folder: string): Record<string, Buffer> {
  const paths = (readdirSync(folder, { recursive: true }) as string[]).filter((path) => statSync(join(folder, path)).isFile())
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path))]))
}

const options = (wish: GraphWish = {}) => ({
  layout: hubLayout(wish),
  isComplete: (paths: readonly string[]) => holdsWish(paths, wish),
  signal: new AbortController().signal,
  retryDelay: 1,
})

const listPulled = (folder: string) =>
  (readdirSync(folder, { recursive: true }) as string[]).filter((path) => statSync(join(folder, path)).isFile()).sort()

describe('A model of the hub', () => {
  it('comes with its graphs, configurations and tokenizers, and with nothing else', async () => {
    const wanted = Object.keys(files).sort()
    Object.assign(files, {
      'README.md': Buffer.from('# tiny'),
      'unet/diffusion_pytorch_model.safetensors': Buffer.alloc(100),
      'unet/openvino_model.xml': Buffer.alloc(100),
      'v1-5-pruned.ckpt': Buffer.alloc(100),
      'safety_checker/model.onnx': Buffer.alloc(100),
      'unet/model_fp16.onnx': Buffer.alloc(100),
    })
    const { folder } = await pullModel(ID, settings, options())
    expect(listPulled(folder)).toEqual(wanted)
  })

  it('comes in the precision that is asked for, and a later wish adds to it', async () => {
    Object.assign(files, { 'unet/model_fp16.onnx': Buffer.alloc(100), 'safety_checker/model.onnx': Buffer.alloc(99) })
    const half = await findOrPull('acme/tiny', settings, options({ dtype: 'float16' }))
    expect(listPulled(half.folder)).toContain('unet/model_fp16.onnx')
    expect(listPulled(half.folder)).not.toContain('unet/model.onnx')
    const whole = await findOrPull('acme/tiny', settings, options({ dtype: 'float32', safetyChecker: true }))
    expect(listPulled(whole.folder)).toEqual(
      expect.arrayContaining(['unet/model.onnx', 'unet/model_fp16.onnx', 'safety_checker/model.onnx']),
    )
  })

  it('in a precision that it does not have is refused before a download', async () => {
    files['unet/model_fp16.onnx'] = files['unet/model.onnx']!
    delete files['unet/model.onnx']
    await expect(pullModel(ID, settings, options({ dtype: 'int8' }))).rejects.toThrow(/stored in float16, not in int8/)
    expect(hub.requests.some(({ host }) => host === 'cdn')).toBe(false)
  })

  it('brings the data files that its graphs name, and no others', async () => {
    for (const path of Object.keys(files)) delete files[path]
    Object.assign(files, readFolder(fixturePath('models/sd15-tiny-external')))
    const wanted = Object.keys(files).sort()
    expect(wanted.some((path) => /data|weights/.test(path))).toBe(true)
    files['unet/stray.onnx_data'] = Buffer.alloc(500)
    const { folder } = await pullModel(ID, settings, options())
    expect(listPulled(folder)).toEqual(wanted)
  })

  it('one folder down is found there', async () => {
    for (const [path, content] of Object.entries(files)) {
      delete files[path]
      files[`onnx-io32/${path}`] = content
    }
    const { folder } = await pullModel(ID, settings, options())
    expect(listPulled(folder)).toHaveLength(Object.keys(files).length)
  })

  it('tells its size before it comes, and how far it is', async () => {
    const events: PullEvent[] = []
    const { bytes } = await pullModel(ID, settings, { ...options(), onEvent: (event) => events.push(event) })
    expect(events[0]).toMatchObject({ phase: 'plan', totalBytes: bytes, missingBytes: bytes, name: 'acme/tiny' })
    const distinct = new Map(Object.values(files).map((content) => [content.toString('latin1'), content.length]))
    expect(bytes).toBe([...distinct.values()].reduce((sum, length) => sum + length, 0))
    expect(events.at(-1)).toEqual({ phase: 'bytes', bytes, totalBytes: bytes })
  })

  it('is no model of the cache before all of it is there', async () => {
    hub.spoiled.set('vae_decoder/model.onnx', 9)
    await expect(findOrPull('acme/tiny', settings, options())).rejects.toMatchObject({ code: 'upstream_unavailable' })
    const offline = { ...settings, hfHubOffline: true }
    await expect(findOrPull('acme/tiny', offline, options())).rejects.toThrow(/not in the hub cache .* HF_HUB_OFFLINE forbids/)
    hub.spoiled.clear()
    hub.requests.length = 0
    await findOrPull('acme/tiny', settings, options())
    expect(await findOrPull('acme/tiny', offline, options())).toMatchObject({ name: 'acme/tiny' })
  })

  it('in the cache is used without a word to the hub', async () => {
    const { folder } = await findOrPull('acme/tiny@v1', settings, options())
    hub.requests.length = 0
    expect(await findOrPull('acme/tiny@v1', settings, options())).toMatchObject({ name: 'acme/tiny@v1', folder })
    expect(hub.requests).toEqual([])
  })

  it('whose names do not tell the precision is used when the hub does not answer', async () => {
    const { folder } = await findOrPull('acme/tiny', settings, options())
    await hub[Symbol.asyncDispose]()
    expect(await findOrPull('acme/tiny', settings, options({ dtype: 'float16' }))).toMatchObject({ folder })
    hub = await startFakeHub()
  })

  it('comes once when two ask for it at the same time', async () => {
    const [one, other] = await Promise.all([1, 2].map(() => pullModel(ID, settings, options())))
    expect(one!.folder).toBe(other!.folder)
    const large = hub.requests.filter(({ host }) => host === 'cdn').map(({ path }) => path)
    expect(new Set(large).size).toBe(large.length)
    expect(readdirSync(join(one!.folder, '..', '..', 'blobs')).filter((name) => name.endsWith('.incomplete'))).toEqual([])
  })

  it('with PyTorch weights only says how to export it', async () => {
    for (const path of Object.keys(files)) if (path.endsWith('.onnx')) delete files[path]
    files['unet/diffusion_pytorch_model.safetensors'] = Buffer.alloc(100)
    await expect(pullModel(ID, settings, options())).rejects.toMatchObject({
      code: 'model_unreadable',
      message: expect.stringContaining('"optimum-cli export onnx --model acme/tiny OUTPUT_FOLDER"'),
    })
    files['model_index.json'] = Buffer.from('{"_class_name":"QwenImagePipeline"}')
    await expect(pullModel(ID, settings, options())).rejects.toThrow(/hf download acme\/tiny .*tools\/export\/export_onnx\.py/)
    expect(existsSync(join(settings.hfHome!, 'hub'))).toBe(false)
  })

  it('without any weights is no model', async () => {
    for (const path of Object.keys(files)) delete files[path]
    files['README.md'] = Buffer.from('empty')
    await expect(pullModel(ID, settings, options())).rejects.toThrow(/holds no ONNX graphs of a diffusion model/)
  })
})
