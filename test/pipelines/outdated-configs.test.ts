import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ImageRequest } from '../../src/contract/index.ts'
import { openPipeline } from '../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE, measureDeviation } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readGolden, readGoldenCases } from '../support/golden-cases.ts'
import { idleContext } from '../support/golden-suite.ts'

/** A copy of a model whose configuration file lacks some keys and has others changed. */
async function copyWith(model: string, file: string, changes: Record<string, unknown>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'outdated-'))
  await cp(fixturePath(`models/${model}`), folder, { recursive: true })
  const path = join(folder, file)
  await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...changes }))
  return folder
}

const SCHEDULER = 'scheduler/scheduler_config.json'

async function drawGolden(folder: string, name: string): Promise<void> {
  const golden = readGoldenCases([name]).find((candidate) => candidate.name === name)!
  await using pipeline = await openPipeline({ folder })
  const { images } = await pipeline.run(golden.request, idleContext)
  expectWithin(measureDeviation(images[0]!, 0, readGolden(golden, 'latents'), readGolden(golden, 'image')), FLOAT32_TOLERANCE)
}

async function configOf(folder: string, diffusion: ImageRequest['diffusion'] = {}, edit?: ImageRequest['edit']) {
  await using pipeline = await openPipeline({ folder })
  const request = { prompt: 'a cat', numImages: 1, seeds: [1], numInferenceSteps: 4, size: { width: 64, height: 64 } }
  const { recipe } = await pipeline.run({ ...request, diffusion, edit }, idleContext)
  return recipe.schedulerConfig!
}

const picture = () => readFile(fixturePath('images/inputs/a-64x64.png'))
const mask = () => readFile(fixturePath('images/inputs/mask-rect-64x64.png'))

describe('configurations of early Stable Diffusion exports, which diffusers replaces', () => {
  it('draws with an offset of 1 whatever the file says', async () => {
    await drawGolden(await copyWith('sd15-tiny', SCHEDULER, { steps_offset: 0 }), 'sd15-t2i')
    await drawGolden(await copyWith('sd15-tiny', SCHEDULER, { steps_offset: undefined }), 'sd15-i2i-s0.5')
  })

  it('does not clip samples when drawing, and leaves clipping alone under a mask', async () => {
    const folder = await copyWith('sd21-tiny', SCHEDULER, { clip_sample: true })
    expect(await configOf(folder)).toMatchObject({ clip_sample: false })
    expect(await configOf(folder, {}, { images: [await picture()], mask: await mask() })).toMatchObject({ clip_sample: true })
  })

  it('paints under a mask without Runge-Kutta steps', async () => {
    const folder = await copyWith('inpaint-tiny', SCHEDULER, { skip_prk_steps: false })
    await drawGolden(folder, 'inpaint9-s1')
  })

  it('keeps what is asked for, and lets another scheduler take its own defaults', async () => {
    const folder = await copyWith('sd15-tiny', SCHEDULER, { steps_offset: undefined, clip_sample: undefined })
    expect(await configOf(folder, { schedulerConfig: { steps_offset: 0 } })).toMatchObject({ steps_offset: 0 })
    expect(await configOf(folder, { scheduler: 'DDIMScheduler' })).toMatchObject({ steps_offset: 0, clip_sample: true })
  })

  it('leaves the configuration alone where a ControlNet takes part and for other families', async () => {
    const controlnets = [
      { path: fixturePath('models/controlnet-tiny/controlnet'), image: await picture(), scale: 1, start: 0, end: 1 },
    ]
    const controlled = await copyWith('controlnet-tiny', SCHEDULER, { steps_offset: 0 })
    expect(await configOf(controlled, { controlnets })).toMatchObject({ steps_offset: 0 })
    expect(await configOf(await copyWith('sdxl-tiny', SCHEDULER, { steps_offset: 0 }))).toMatchObject({ steps_offset: 0 })
  })

  it.each([
    { version: '0.8.1', side: 512 },
    { version: '0.39.0', side: 64 },
  ])('takes a UNet of diffusers $version to draw $side pixels', async ({ version, side }) => {
    const folder = await copyWith('sd15-tiny', 'unet/config.json', { _diffusers_version: version, sample_size: 8 })
    await using pipeline = await openPipeline({ folder })
    expect(pipeline.description.defaults).toMatchObject({ width: side, height: side })
  })
})
