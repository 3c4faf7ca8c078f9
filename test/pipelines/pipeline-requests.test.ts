import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImageRequest, Progress } from '../../src/contract/index.ts'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { readFloats } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'

const picture = (name: string) => readFileSync(fixturePath(`images/inputs/${name}.png`))
const request: ImageRequest = { prompt: 'a cat', numImages: 1, seeds: [7], numInferenceSteps: 4, size: { width: 64, height: 64 } }

let pipeline: Pipeline
beforeAll(async () => {
  pipeline = await openPipeline({ folder: fixturePath('models/sd15-tiny') })
})
afterAll(async () => {
  await pipeline[Symbol.asyncDispose]()
})

describe('progress', () => {
  it('tells what loads, the start and every step', async () => {
    const events: Progress[] = []
    await using fresh = await openPipeline({ folder: fixturePath('models/sd15-tiny') })
    await fresh.run({ ...request, numImages: 2, seeds: [1, 2] }, { ...idleContext, onProgress: (event) => events.push(event) })
    const loaded = events.filter(({ phase }) => phase === 'load')
    const steps = events.flatMap((event) => (event.phase === 'step-end' ? [[event.image, event.step, event.totalSteps]] : []))
    expect(events[0]).toEqual({ phase: 'start' })
    expect(loaded.map((event) => 'component' in event && event.component)).toEqual(['text_encoder', 'unet', 'vae_decoder'])
    // PNDM evaluates one step twice.
    expect(steps).toEqual([0, 1].flatMap((image) => [1, 2, 3, 4, 5].map((step) => [image, step, 5])))
  })

  it('shows previews as often as asked for, in the shape of the picture', async () => {
    const events: Progress[] = []
    await pipeline.run(
      { ...request, size: { width: 96, height: 64 } },
      { ...idleContext, previewEvery: 2, onProgress: (event) => events.push(event) },
    )
    const previews = events.flatMap((event) => (event.phase === 'preview' ? [event] : []))
    expect(previews.map(({ step }) => step)).toEqual([2, 4])
    expect(previews[0]!.picture).toMatchObject({ width: 12, height: 8, channels: 3 })
  })
})

describe('cancelling', () => {
  it('ends between two steps', async () => {
    const controller = new AbortController()
    const steps: number[] = []
    const running = pipeline.run(request, {
      signal: controller.signal,
      onProgress: (event) => {
        if (event.phase !== 'step-end') return
        steps.push(event.step)
        if (event.step === 2) controller.abort()
      },
    })
    await expect(running).rejects.toMatchObject({ name: 'AbortError' })
    expect(steps).toEqual([1, 2])
  })

  it('leaves the pipeline as it was', async () => {
    const before = await pipeline.run(request, idleContext)
    const controller = new AbortController()
    const onProgress = (event: Progress) => event.phase === 'step-end' && controller.abort()
    await expect(pipeline.run(request, { signal: controller.signal, onProgress })).rejects.toThrow()
    expect((await pipeline.run(request, idleContext)).images).toEqual(before.images)
  })
})

describe('several images', () => {
  it('are each equal to one drawn alone', async () => {
    const together = await pipeline.run({ ...request, numImages: 3, seeds: [5, 6, 7] }, idleContext)
    const alone = await pipeline.run(request, idleContext)
    expect(together.images[2]).toEqual(alone.images[0])
  })
})

describe('what a request gets back', () => {
  it('is the recipe with every default filled in', async () => {
    const { recipe } = await pipeline.run({ ...request, diffusion: { scheduler: 'euler_a', clipSkip: 1 } }, idleContext)
    expect(recipe).toMatchObject({
      family: 'stable-diffusion',
      scheduler: 'EulerAncestralDiscreteScheduler',
      schedulerConfig: { beta_schedule: 'scaled_linear' },
      numInferenceSteps: 4,
      guidanceScale: 7.5,
      settings: { width: 64, height: 64, clip_skip: 1, noise_source: 'torch-cpu' },
    })
  })

  it('is the final latents too, when asked for', async () => {
    const { images } = await pipeline.run({ ...request, diffusion: { saveLatents: true } }, idleContext)
    expect(readFloats(images[0]!.latents!)).toHaveLength(4 * 8 * 8)
  })

  it('counts guidance 0 as a value', async () => {
    const { recipe } = await pipeline.run({ ...request, guidanceScale: 0 }, idleContext)
    expect(recipe.guidanceScale).toBe(0)
  })

  it('warns with the words that the text encoder did not read', async () => {
    const { warnings } = await pipeline.run({ ...request, prompt: `${'cat '.repeat(80)}zebra` }, idleContext)
    expect(warnings).toContainEqual(expect.objectContaining({ field: 'prompt', detail: expect.stringMatching(/cat zebra"/) }))
  })

  it('warns of wishes that mean nothing to the model', async () => {
    const { warnings } = await pipeline.run({ ...request, diffusion: { prompt2: 'a dog' } }, idleContext)
    expect(warnings).toEqual([expect.objectContaining({ kind: 'ignored', field: 'prompt_2' })])
  })
})

describe('a request that cannot be drawn', () => {
  const edit = { images: [picture('a-64x64')] }
  it.each([
    ['a size off the grid', { size: { width: 100, height: 64 } }, /multiples of 16.*100x64.*96x64/],
    ['too little strength', { edit: { ...edit, strength: 0.1 }, numInferenceSteps: 5 }, /strength of 0.1.*5 steps/],
    ['two sources', { edit: { images: [...edit.images, ...edit.images] } }, /one source picture, got 2/],
    ['a source that is no picture', { edit: { images: [new Uint8Array([1, 2, 3])] } }, /./],
    ['an unknown scheduler', { diffusion: { scheduler: 'eulre' } }, /eulre/],
    [
      'a ControlNet on an ordinary UNet',
      {
        diffusion: {
          controlnets: [{ path: fixturePath('models/controlnet-tiny'), image: picture('a-64x64'), scale: 1, start: 0, end: 1 }],
        },
      },
      /no inputs for a ControlNet/,
    ],
    [
      'a refiner behind another family',
      { diffusion: { refiner: fixturePath('models/sdxl-refiner-tiny') } },
      /Stable Diffusion XL models only/,
    ],
    ['a VAE of other latents', { diffusion: { vae: fixturePath('../../../models/emoji') } }, /latents of 8 channels/],
  ] as [string, Partial<ImageRequest>, RegExp][])('is refused in one sentence: %s', async (_what, change, message) => {
    await expect(pipeline.run({ ...request, ...change }, idleContext)).rejects.toThrow(message)
  })

  it('is refused when the model makes no sense of it', async () => {
    await using inpainting = await openPipeline({ folder: fixturePath('models/inpaint-tiny') })
    await expect(inpainting.run(request, idleContext)).rejects.toThrow(/give it a source picture/)
    await expect(inpainting.run({ ...request, edit }, idleContext)).rejects.toThrow(/a mask of what to repaint/)
    await using pix2pix = await openPipeline({ folder: fixturePath('models/ip2p-tiny') })
    await expect(pix2pix.run({ ...request, edit: { ...edit, mask: picture('mask-rect-64x64') } }, idleContext)).rejects.toThrow(
      /no masks/,
    )
    await using fixed = await openPipeline({ folder: fixturePath('models/sd15-tiny-fixed') })
    await expect(fixed.run(request, idleContext)).rejects.toThrow(/draws only 96x64, got 64x64/)
    await expect(fixed.run({ ...request, edit, size: { width: 96, height: 64 } }, idleContext)).rejects.toThrow(/no VAE encoder/)
  })
})

describe('memory', () => {
  it('holds one stage at a time with cpu_offload, and draws the same', async () => {
    const whole = await pipeline.run(request, idleContext)
    const loads: string[] = []
    await using offloading = await openPipeline({ folder: fixturePath('models/sd15-tiny'), cpuOffload: true })
    const onProgress = (event: Progress) => event.phase === 'load' && loads.push(event.component)
    const result = await offloading.run({ ...request, numImages: 2, seeds: [7, 8] }, { ...idleContext, onProgress })
    expect(loads).toEqual(['text_encoder', 'unet', 'vae_decoder', 'unet', 'vae_decoder'])
    expect(result.images[0]).toEqual(whole.images[0])
  })

  it('decodes large pictures in tiles that join without a seam', async () => {
    const large = { ...request, size: { width: 128, height: 96 }, diffusion: { saveLatents: true } }
    const whole = await pipeline.run(large, idleContext)
    await using tiling = await openPipeline({ folder: fixturePath('models/sd15-tiny'), vaeTiling: true })
    const tiled = await tiling.run(large, idleContext)
    expect(tiled.images[0]!.latents).toEqual(whole.images[0]!.latents)
    expect(tiled.images[0]!.picture).toMatchObject({ width: 128, height: 96 })
  })
})
