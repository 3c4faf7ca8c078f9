import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { ImageRequest } from '../../src/contract/index.ts'
import { describeModel, openPipeline } from '../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE, measureDeviation } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'
import { readArray, readTransformerCases } from '../support/transformer-goldens.ts'

const REQUEST: ImageRequest = { prompt: 'a fox', numImages: 1, seeds: [1], size: { width: 64, height: 64 }, numInferenceSteps: 1 }

const modelOf = (name: string) => fixturePath(`dit/${name}/model`)

async function makePicture(width = 64, height = 64): Promise<Uint8Array> {
  return await sharp({ create: { width, height, channels: 3, background: 'teal' } })
    .png()
    .toBuffer()
}

async function copyModel(name: string): Promise<string> {
  const folder = join(await mkdtemp(join(tmpdir(), 'transformer-')), name)
  await cp(modelOf(name), folder, { recursive: true })
  return folder
}

/** Draws and tells what loaded before it ended or failed. */
async function draw(folder: string, request: Partial<ImageRequest>, options: { modelType?: string; cpuOffload?: boolean } = {}) {
  await using pipeline = await openPipeline({ folder, ...options })
  const loaded: string[] = []
  const outcome = await pipeline
    .run(
      { ...REQUEST, ...request },
      { ...idleContext, onProgress: (event) => 'component' in event && loaded.push(event.component) },
    )
    .then(
      ({ images, warnings }) => ({ images, warnings, problem: undefined }),
      (error: Error) => ({ images: [], warnings: [], problem: error.message }),
    )
  return { ...outcome, loaded }
}

describe('the family of a folder', () => {
  it.each([
    ['sd3', 'stable-diffusion-3'],
    ['sd35_no_t5', 'stable-diffusion-3'],
    ['flux_schnell', 'flux'],
    ['flux_dev', 'flux'],
    ['flux_fill', 'flux-fill'],
    ['flux2_klein', 'flux2-klein'],
  ])('of %s is told by its graphs alone as %s', async (name, family) => {
    const folder = await copyModel(name)
    await rm(join(folder, 'model_index.json'))
    expect((await describeModel(folder)).family).toBe(family)
  })

  it.each(['flux-kontext', 'kontext', 'flux_kontext'])(
    'is Kontext under the word %s, whose graphs are those of dev',
    async (word) => {
      expect((await describeModel(modelOf('flux_dev'), word)).family).toBe('flux-kontext')
    },
  )

  it('is not changed by a word that its graphs contradict, which is told', async () => {
    const { family, warnings } = await describeModel(modelOf('flux2_klein'), 'sd3')
    expect(family).toBe('flux2-klein')
    expect(warnings).toContainEqual(expect.objectContaining({ field: 'model_type' }))
  })

  it.each([
    ['flux_schnell', { numInferenceSteps: 4, guidanceScale: 0 }],
    ['flux_dev', { numInferenceSteps: 28, guidanceScale: 3.5 }],
    ['flux_fill', { numInferenceSteps: 50, guidanceScale: 30, strength: 1 }],
    ['flux2_klein', { numInferenceSteps: 50, guidanceScale: 4 }],
    ['sd3', { numInferenceSteps: 28, guidanceScale: 7 }],
  ])('brings the defaults of %s', async (name, defaults) => {
    expect((await describeModel(modelOf(name))).defaults).toMatchObject(defaults)
  })
})

describe('a flat folder without an index', () => {
  it('of FLUX.2 klein draws as the recorded run', async () => {
    const folder = await copyModel('flux2_klein')
    for (const name of ['text_encoder', 'transformer', 'vae_encoder', 'vae_decoder']) {
      await rename(join(folder, name, 'model.onnx'), join(folder, `${name}.onnx`))
      await rm(join(folder, name), { recursive: true })
    }
    for (const name of ['tokenizer.json', 'tokenizer_config.json'])
      await rename(join(folder, 'tokenizer', name), join(folder, name))
    for (const name of ['model_index.json', 'scheduler', 'tokenizer']) await rm(join(folder, name), { recursive: true })
    const golden = readTransformerCases('flux2_klein').find(({ name }) => name === 't2i_base_cfg')!
    await using pipeline = await openPipeline({ folder })
    const { images } = await pipeline.run(golden.request, idleContext)
    const { values } = readArray(golden, 'final_latents')
    expectWithin(measureDeviation(images[0]!, 0, { shape: [1, 1, 1, values.length], values }), FLOAT32_TOLERANCE)
  })
})

describe('a transformer in half precision with its weights beside it', () => {
  it.each(['t2i', 'edit_one'])('draws %s nearly as in full precision', async (name) => {
    const folder = await copyModel('flux2_klein')
    await cp(fixturePath('dit/flux2_klein/fp16/transformer'), join(folder, 'transformer'), { recursive: true })
    const golden = readTransformerCases('flux2_klein').find((candidate) => candidate.name === name)!
    await using pipeline = await openPipeline({ folder })
    const { images } = await pipeline.run(golden.request, idleContext)
    const { values } = readArray(golden, 'final_latents')
    const { latents, largestLatent } = measureDeviation(images[0]!, 0, { shape: [1, 1, 1, values.length], values })
    expect(latents / largestLatent).toBeLessThan(2e-3)
  })
})

describe('a request that cannot be drawn', () => {
  it.each([
    {
      what: 'a size off the grid of tokens',
      model: 'flux_schnell',
      request: { size: { width: 72, height: 64 } },
      says: /multiples of 16 .* got 72x64; the nearest size is/,
    },
    {
      what: 'a size beyond the positions of SD3',
      model: 'sd3',
      request: { size: { width: 512, height: 64 } },
      says: /from 16 to 384 for this model, got 512x64/,
    },
    { what: 'a fill without a mask', model: 'flux_fill', request: {}, pictures: [[64, 64]], says: /give it a mask/ },
    { what: 'a fill without a picture', model: 'flux_fill', request: {}, says: /give it a source picture/ },
    {
      what: 'two sources for SD3',
      model: 'sd3',
      request: {},
      pictures: [
        [64, 64],
        [64, 64],
      ],
      says: /takes one source picture, got 2/,
    },
    {
      what: 'eleven references',
      model: 'flux2_klein',
      request: {},
      pictures: new Array(11).fill([64, 64]),
      says: /at most 10 source pictures, got 11/,
    },
    {
      what: 'a reference that is too small',
      model: 'flux2_klein',
      request: {},
      pictures: [
        [128, 64],
        [64, 48],
      ],
      says: /at least 64 pixels on each side, got 64x48/,
    },
    {
      what: 'a reference that is too long',
      model: 'flux2_klein',
      request: {},
      pictures: [[640, 64]],
      says: /at most 8 times as long as wide, got 640x64/,
    },
    {
      what: 'a strength that leaves no step',
      model: 'sd3',
      request: {},
      strength: 0,
      pictures: [[64, 64]],
      says: /strength of 0 leaves none/,
    },
  ] as const)('names $what before anything loads', async ({ model, request, says, ...rest }) => {
    const sizes = 'pictures' in rest ? (rest.pictures as readonly (readonly [number, number])[]) : []
    const images = await Promise.all(sizes.map(([width, height]) => makePicture(width, height)))
    const edit = images.length > 0 ? { images, strength: 'strength' in rest ? rest.strength : undefined } : undefined
    const { problem, loaded } = await draw(modelOf(model), { ...request, edit })
    expect(problem).toMatch(says)
    expect(loaded).toEqual([])
  })

  it('is a ControlNet for a transformer', async () => {
    const controlnets = [{ path: 'x', image: await makePicture(), scale: 1, start: 0, end: 1 }]
    const { problem, loaded } = await draw(modelOf('sd3'), { diffusion: { controlnets } })
    expect(problem).toMatch(/no ControlNets for transformer models/)
    expect(loaded).toEqual([])
  })

  it('is a mask for a model that only looks at pictures', async () => {
    const edit = { images: [await makePicture()], mask: await makePicture() }
    const { problem } = await draw(modelOf('flux_dev'), { edit }, { modelType: 'flux-kontext' })
    expect(problem).toMatch(/knows no masks/)
  })
})

describe('a folder that is not whole', () => {
  it('is told by the component that it lacks', async () => {
    const folder = await copyModel('flux_schnell')
    await rm(join(folder, 'text_encoder_2'), { recursive: true })
    await expect(openPipeline({ folder })).rejects.toThrow(/lacks the component text_encoder_2/)
  })

  it('is told by the tokenizer that it lacks', async () => {
    const folder = await copyModel('sd3')
    await rm(join(folder, 'tokenizer_3'), { recursive: true })
    await expect(describeModel(folder)).rejects.toThrow(/lacks the tokenizer_3 of its text_encoder_3/)
  })

  it('warns when SD3 names a T5 that is not there', async () => {
    const folder = await copyModel('sd3')
    await rm(join(folder, 'text_encoder_3'), { recursive: true })
    expect((await describeModel(folder)).warnings).toContainEqual(
      expect.objectContaining({ detail: expect.stringContaining('text_encoder_3') }),
    )
    expect((await describeModel(modelOf('sd35_no_t5'))).warnings).toEqual([])
  })

  it.each([
    ['FluxPipeline', /optimum-cli export onnx/],
    ['Flux2KleinPipeline', /tools\/export\/export_onnx\.py/],
  ])('with PyTorch weights of a %s names the command that exports it', async (className, command) => {
    const folder = await mkdtemp(join(tmpdir(), 'pytorch-'))
    await mkdir(join(folder, 'transformer'))
    await writeFile(join(folder, 'transformer', 'diffusion_pytorch_model.safetensors'), '')
    await writeFile(join(folder, 'model_index.json'), JSON.stringify({ _class_name: className }))
    await expect(openPipeline({ folder })).rejects.toThrow(command)
  })
})

describe('wishes that a family does not know', () => {
  it.each([
    { model: 'flux_dev', request: { negativePrompt: 'blurry' }, field: 'negative_prompt' },
    { model: 'flux2_klein', request: { negativePrompt: 'blurry' }, field: 'negative_prompt' },
    { model: 'flux2_klein', request: { diffusion: { prompt2: 'x' } }, field: 'prompt_2' },
    { model: 'sd3', request: { trueCfgScale: 4 }, field: 'true_cfg_scale' },
    { model: 'flux_schnell', request: { guidanceScale: 3.5 }, field: 'guidance_scale' },
    { model: 'flux_schnell', request: { diffusion: { promptSyntax: 'a1111' } }, field: 'prompt_syntax' },
  ] as const)('are named: $field of $model', async ({ model, request, field }) => {
    const { warnings } = await draw(modelOf(model), request)
    expect(warnings).toEqual([expect.objectContaining({ kind: 'ignored', field })])
  })

  it('include guidance of a distilled klein', async () => {
    const folder = await copyModel('flux2_klein')
    await writeFile(join(folder, 'model_index.json'), JSON.stringify({ _class_name: 'Flux2KleinPipeline', is_distilled: true }))
    const { warnings, images } = await draw(folder, { guidanceScale: 4, diffusion: { saveLatents: true } })
    const plain = await draw(folder, { guidanceScale: 1, diffusion: { saveLatents: true } })
    expect(warnings).toEqual([expect.objectContaining({ kind: 'ignored', field: 'guidance_scale' })])
    expect(plain.warnings).toEqual([])
    expect(images[0]!.latents).toEqual(plain.images[0]!.latents)
  })

  it('do not include a negative prompt with true guidance', async () => {
    const { warnings } = await draw(modelOf('flux_dev'), { negativePrompt: 'blurry', trueCfgScale: 2 })
    expect(warnings).toEqual([])
  })
})

describe('holding only the parts in use', () => {
  it('loads text encoders before the denoiser, and draws the same', async () => {
    const whole = await draw(modelOf('sd3'), { diffusion: { saveLatents: true } })
    const parts = await draw(modelOf('sd3'), { diffusion: { saveLatents: true } }, { cpuOffload: true })
    expect(parts.loaded).toEqual(['text_encoder', 'text_encoder_2', 'text_encoder_3', 'transformer', 'vae_decoder'])
    expect(parts.images[0]!.latents).toEqual(whole.images[0]!.latents)
  })
})

describe('an edit without a size', () => {
  it('of klein takes the size of the first picture, cut to tokens', async () => {
    const edit = { images: [await makePicture(100, 72), await makePicture(64, 64)] }
    const { images } = await draw(modelOf('flux2_klein'), { size: undefined, edit })
    expect(images[0]!.picture).toMatchObject({ width: 96, height: 64 })
  })
})

it('warms up every encoder of a model', async () => {
  const loaded: string[] = []
  await using pipeline = await openPipeline({ folder: modelOf('sd3') })
  await pipeline.warmUp({ ...idleContext, onProgress: (event) => 'component' in event && loaded.push(event.component) })
  expect(loaded.sort()).toEqual(['text_encoder', 'text_encoder_2', 'text_encoder_3', 'transformer', 'vae_decoder'])
})
