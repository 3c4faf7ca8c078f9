import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ImageRequest } from '../../src/contract/index.ts'
import { EDIT_TEMPLATE, TEXT_TEMPLATE } from '../../src/pipelines/families/qwen/templates.ts'
import { describeModel, openPipeline } from '../../src/pipelines/index.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'

const modelFolder = (name: string) => fixturePath(`dit/${name}/model`)
const picture = () => readFile(fixturePath('dit/qwen_image_edit/cases/edit/input_image.png'))

async function run(model: string, wishes: Partial<ImageRequest>, modelType?: string) {
  await using pipeline = await openPipeline({ folder: modelFolder(model), modelType })
  const request = { prompt: 'a fox', numImages: 1, seeds: [1], numInferenceSteps: 1, ...wishes }
  return await pipeline.run(request, idleContext)
}

async function copyModel(name: string, changes: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diffgentor-model-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await cp(modelFolder(name), folder, { recursive: true })
  for (const [file, content] of Object.entries(changes)) await writeFile(join(folder, file), JSON.stringify(content))
  return folder
}

describe('a request that a model cannot serve is refused in one sentence', () => {
  it.each([
    ['qwen_image_edit', {}, /edits pictures and cannot draw from text alone/],
    ['qwen_image', { size: { width: 72, height: 64 } }, /multiples of 16 .* got 72x64; the nearest size is/],
    ['z_image', { size: { width: 64, height: 100 } }, /multiples of 16 .* got 64x100/],
    [
      'pixart_sigma',
      { size: { width: 152, height: 192 }, diffusion: { resolutionBinning: false } },
      /multiples of 16 .* got 152x192/,
    ],
    ['unidiffuser', { size: { width: 64, height: 64 } }, /draws only 128x128, got 64x64/],
    ['wan_t2v', { size: { width: 64, height: 64 }, diffusion: { numFrames: 8 } }, /films of up to 5 frames, got 8/],
  ] as const)('%s with %j', async (model, wishes, sentence) => {
    await expect(run(model, wishes)).rejects.toThrow(sentence)
  })

  it.each([
    ['sana', /cannot edit pictures/],
    ['unidiffuser', /cannot edit pictures/],
  ])('%s with a source picture', async (model, sentence) => {
    await expect(run(model, { edit: { images: [await picture()] } })).rejects.toThrow(sentence)
  })

  it('an edit with more pictures than the model takes', async () => {
    const images = [await picture(), await picture()]
    await expect(run('qwen_image_edit', { edit: { images } }, 'qwen-image-edit')).rejects.toThrow(
      /takes one source picture, got 2/,
    )
    const nine = new Array<Uint8Array>(9).fill(await picture())
    await expect(run('qwen_image_edit', { edit: { images: nine } })).rejects.toThrow(/at most 8 source pictures, got 9/)
  })

  it('Sana Sprint, which is no Sana', async () => {
    const scheduler = { _class_name: 'SCMScheduler' }
    const folder = await copyModel('sana', { 'scheduler/scheduler_config.json': scheduler })
    await using pipeline = await openPipeline({ folder })
    await expect(pipeline.run({ prompt: 'a fox', numImages: 1, seeds: [1] }, idleContext)).rejects.toThrow(/not with Sana Sprint/)
  })

  it('a model of Wan 2.2 with two experts', async () => {
    const index = JSON.parse(await readFile(join(modelFolder('wan_t2v'), 'model_index.json'), 'utf8'))
    const folder = await copyModel('wan_t2v', { 'model_index.json': { ...index, boundary_ratio: 0.875 } })
    await using pipeline = await openPipeline({ folder })
    await expect(pipeline.run({ prompt: 'a fox', numImages: 1, seeds: [1] }, idleContext)).rejects.toThrow(/Wan 2\.1/)
  })
})

describe('a wish that means nothing to a model is told', () => {
  it.each([
    ['z_image', { diffusion: { numFrames: 5 } }, 'num_frames'],
    ['pixart_sigma', { diffusion: { cfgTruncation: 0.5 } }, 'cfg_truncation'],
    ['unidiffuser', { negativePrompt: 'blurry' }, 'negative_prompt'],
    ['qwen_image', { guidanceScale: 4 }, 'guidance_scale'],
  ] as const)('%s with %j', async (model, wishes, field) => {
    const size = model === 'unidiffuser' ? { width: 128, height: 128 } : { width: 64, height: 64 }
    const { warnings } = await run(model, { size, ...wishes })
    expect(warnings.filter(({ kind }) => kind === 'ignored').map((warning) => warning.field)).toContain(field)
  })
})

describe('a model folder', () => {
  it.each([
    ['z_image', 'z-image'],
    ['qwen_image', 'qwen-image'],
    ['qwen_image_edit', 'qwen-image-edit-plus'],
    ['sana', 'sana'],
    ['pixart_sigma', 'pixart'],
    ['unidiffuser', 'unidiffuser'],
    ['wan_t2v', 'wan'],
  ])('%s is told by its class, and by its graphs where it names none', async (model, family) => {
    expect((await describeModel(modelFolder(model))).family).toBe(family)
    const nameless = await copyModel(model, { 'model_index.json': {} })
    const told = await describeModel(nameless, model === 'qwen_image_edit' ? 'qwen-image-edit-plus' : undefined)
    expect(told.family).toBe(family)
  })

  it.each(['z_image', 'qwen_image', 'qwen_image_edit', 'sana', 'pixart_sigma', 'unidiffuser', 'wan_t2v'])(
    '%s loads ahead of the first request',
    async (model) => {
      await using pipeline = await openPipeline({ folder: modelFolder(model) })
      const loaded: string[] = []
      await pipeline.warmUp({
        ...idleContext,
        onProgress: (event) => {
          if (event.phase === 'load') loaded.push(event.component)
        },
      })
      expect(loaded).toContain('vae_decoder')
    },
  )

  it('of a turbo model has few steps and no guidance', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'Z-Image-Turbo-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    await cp(modelFolder('z_image'), folder, { recursive: true })
    expect((await describeModel(folder)).defaults).toMatchObject({ numInferenceSteps: 9, guidanceScale: 0 })
    expect((await describeModel(modelFolder('z_image'))).defaults).toMatchObject({ numInferenceSteps: 50, guidanceScale: 5 })
  })
})

describe('what Qwen-Image tells its language model', () => {
  const { templates } = JSON.parse(readFileSync(fixturePath('dit/tokenizers/goldens.json'), 'utf8')) as {
    templates: Record<string, { template: string; drop_first_tokens: number }>
  }

  it.each([
    ['qwen_image', TEXT_TEMPLATE],
    ['qwen_image_edit_plus', EDIT_TEMPLATE],
  ])('is what %s was trained with', (name, { before, after, leftOut }) => {
    expect(`${before}{}${after}`).toBe(templates[name]!.template)
    expect(leftOut).toBe(templates[name]!.drop_first_tokens)
  })
})
