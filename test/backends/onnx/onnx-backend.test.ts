import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openOnnxBackend } from '../../../dist/backends/onnx/onnx-backend.js'
import { type BackendSettings, SHARED_SETTINGS, withDefaults } from '../../../src/config/settings.ts'
import { decodePicture } from '../../../src/images/decode-picture.ts'
import { describeBackend } from '../../support/describe-backend.ts'
import { fixturePath } from '../../support/fixtures.ts'

let cacheDir: string
beforeAll(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'diffgentor-onnx-'))
})
afterAll(() => rmSync(cacheDir, { recursive: true }))

const TINY = { modelName: fixturePath('models/sd15-tiny'), numWorkers: 1 }
const open = (values: Partial<BackendSettings>) => openOnnxBackend(withDefaults(SHARED_SETTINGS, { cacheDir, ...values }))
const CHEAP = { size: { width: 64, height: 64 }, numInferenceSteps: 2 }

describeBackend('a small model in one process', { open: () => open(TINY), request: CHEAP })
describeBackend('a small model in three processes', { open: () => open({ ...TINY, numWorkers: 3 }), request: CHEAP })
describeBackend('a small model that keeps one component in memory', {
  open: () => open({ ...TINY, enableCpuOffload: true }),
  request: CHEAP,
})
describeBackend('the built-in model', { open: () => open({ numWorkers: 1 }), request: { numInferenceSteps: 2 } })

describe('an edit without a size', () => {
  it("keeps its source's size, whatever grid the model draws on", async () => {
    await using backend = await open(TINY)
    const source = readFileSync(fixturePath('images/inputs/d-150x101.png'))
    const request = { prompt: 'blue', numImages: 1, seeds: [1], numInferenceSteps: 4, edit: { images: [source], strength: 0.5 } }
    const { images } = await backend.run(request, { signal: new AbortController().signal })
    expect(images[0]!.picture).toMatchObject({ width: 150, height: 101 })
  })

  it('stays close to its source at a low strength, with the built-in model too', async () => {
    await using backend = await open({ numWorkers: 1 })
    const source = readFileSync(fixturePath('images/inputs/b-96x64.png'))
    const request = { prompt: 'a fox', numImages: 1, seeds: [1], edit: { images: [source], strength: 0.1 } }
    const { images, warnings } = await backend.run(request, { signal: new AbortController().signal })
    expect(images[0]!.picture).toMatchObject({ width: 96, height: 64 })
    expect(warnings).toEqual([expect.objectContaining({ kind: 'adjusted', detail: expect.stringContaining('96x64') })])
    const drawn = images[0]!.picture as { pixels: Uint8Array }
    const { pixels } = (await decodePicture(source)).picture
    const distance = pixels.reduce((sum, value, i) => sum + Math.abs(value - drawn.pixels[i]!), 0) / pixels.length
    expect(distance).toBeLessThan(40)
  })
})

describe('openOnnxBackend', () => {
  it('warns of wishes that the engine cannot honor', async () => {
    const wishes = {
      torchDtype: 'bfloat16',
      attentionBackend: 'flash',
      cacheType: 'teacache',
      numGpus: 2,
      optimize: ['magic'],
    } as const
    await using backend = await open({ ...TINY, ...wishes })
    const fields = backend.openingWarnings!.map(({ kind, field }) => `${kind} ${field}`)
    expect(fields).toEqual(
      ['torch_dtype', 'attention_backend', 'cache_type', 'num_gpus', 'optimize'].map((field) => `ignored ${field}`),
    )
  })

  it.each([
    ['a device that is not there', { device: 'cuda' }, 'invalid_configuration', /cuda does not work here.*working: .*cpu/],
    ['a device that does not exist', { device: 'abacus' }, 'invalid_configuration', /abacus.*cpu/],
    [
      'a model larger than the memory',
      { maxMemory: 64 },
      'out_of_memory',
      /needs about 0\.\d GB of memory at .*0\.1 GB may be used/,
    ],
    ['a precision that is not stored', { torchDtype: 'int8' }, 'invalid_configuration', /stored in float32, not in int8/],
    ['a model that is not there', { modelName: 'emojy' }, 'model_not_found', /Did you mean emoji/],
    ['a folder without a model', { modelName: fixturePath('images') }, /model_/, /./],
  ] as const)('refuses %s in one sentence', async (_, values, code, words) => {
    const error = await open({ ...TINY, ...values }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: expect.stringMatching(code), message: expect.stringMatching(words) })
    expect(String((error as Error).message)).not.toContain('\n')
  })

  it.each([
    ['sd15-tiny', 'float32'],
    ['sd15-tiny-fp16', 'float16'],
  ] as const)('takes %s as %s, which its weights are', async (model, torchDtype) => {
    await using backend = await open({ modelName: fixturePath(`models/${model}`), torchDtype })
    expect(backend.openingWarnings).toEqual([])
  })

  it('plans no more processes than the memory holds', async () => {
    await using tight = await open({ ...TINY, numWorkers: undefined, maxMemory: 300 })
    await using roomy = await open({ ...TINY, numWorkers: 8, maxMemory: 300 })
    expect(roomy.capabilities.concurrency).toBe(8 * tight.capabilities.concurrency)
  })

  it('refuses a picture that needs more memory than there is, and still draws smaller ones', async () => {
    await using backend = await open({ ...TINY, maxMemory: 300 })
    const signal = new AbortController().signal
    const large = { prompt: 'x', numImages: 1, size: { width: 8192, height: 8192 } }
    await expect(backend.run(large, { signal })).rejects.toMatchObject({ code: 'out_of_memory' })
    expect((await backend.run({ prompt: 'x', numImages: 1, ...CHEAP }, { signal })).images).toHaveLength(1)
  })
})

describe('a broken model', () => {
  let folder: string
  beforeAll(() => {
    folder = join(cacheDir, 'broken')
  })
  const breakModel = (damage: (folder: string) => void) => {
    rmSync(folder, { recursive: true, force: true })
    cpSync(fixturePath('models/sd15-tiny'), folder, { recursive: true })
    damage(folder)
  }
  /** The fault may show when the model is opened or when it first draws. */
  const drawOnce = async () => {
    await using backend = await open({ modelName: folder, numWorkers: 1 })
    await backend.run({ prompt: 'x', numImages: 1, ...CHEAP }, { signal: new AbortController().signal })
  }

  it.each([
    ['a graph cut in half', (root: string) => truncateSync(join(root, 'unet/model.onnx'), 20_000), /unet.*model\.onnx/],
    ['an empty graph', (root: string) => truncateSync(join(root, 'vae_decoder/model.onnx'), 0), /vae_decoder.*empty/],
    ['no denoiser', (root: string) => rmSync(join(root, 'unet'), { recursive: true }), /unet/],
    ['no tokenizer', (root: string) => rmSync(join(root, 'tokenizer'), { recursive: true }), /tokenizer/],
  ])('with %s is told in one sentence, and the program lives on', async (_, damage, words) => {
    breakModel(damage)
    const error = await drawOnce().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: expect.stringMatching(/^model_/), message: expect.stringMatching(words) })
  })
})
