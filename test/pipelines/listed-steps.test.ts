import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DiffusionOptions, ImageRequest, Progress } from '../../src/contract/index.ts'
import { checkRequest, describeModel, openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'

const folder = fixturePath('models/sd15-tiny')
let pipeline: Pipeline
beforeAll(async () => {
  pipeline = await openPipeline({ folder })
})
afterAll(() => pipeline[Symbol.asyncDispose]())

function request(diffusion: DiffusionOptions, edit?: ImageRequest['edit']): ImageRequest {
  return { prompt: 'a fox', numImages: 1, seeds: [1], guidanceScale: 1, edit, diffusion: { scheduler: 'euler', ...diffusion } }
}

async function countSteps(wish: ImageRequest): Promise<number> {
  let steps = 0
  const onProgress = (event: Progress) => {
    if (event.phase === 'step-end') steps++
  }
  await pipeline.run(wish, { ...idleContext, onProgress })
  return steps
}

describe('steps that a request lists', () => {
  it.each([
    ['timesteps', { timesteps: [981, 600, 200] }, 3],
    ['sigmas', { sigmas: [14, 6, 2, 0.5, 0] }, 4],
  ])('run as many as the list of %s has, whatever number is asked for', async (_name, lists, steps) => {
    expect(await countSteps({ ...request(lists), numInferenceSteps: 30 })).toBe(steps)
  })

  it('are cut by the strength of an edit like any others', async () => {
    const image = readFileSync(fixturePath('images/inputs/a-64x64.png'))
    const timesteps = [981, 800, 600, 401, 200, 90, 20]
    expect(await countSteps(request({ timesteps }, { images: [image], strength: 0.6 }))).toBe(4)
  })

  it('are told in the recipe', async () => {
    const { recipe } = await pipeline.run(request({ timesteps: [981, 600] }), idleContext)
    expect(recipe).toMatchObject({ numInferenceSteps: 2, settings: { timesteps: [981, 600] } })
  })

  it.each([
    [{ scheduler: 'ddim', timesteps: [981, 600] }, /DDIMScheduler takes no list of timesteps/],
    [{ scheduler: 'dpm++_2m', sigmas: [14, 0] }, /DPMSolverMultistepScheduler takes no list of sigmas/],
    [{ timesteps: [981], sigmas: [14, 0] }, /Give timesteps or sigmas, not both/],
    [{ timesteps: [] }, /The list of timesteps is empty/],
    [{ scheduler: 'ddim_align_your_steps' }, /DDIMScheduler takes no list of timesteps/],
  ])('that the scheduler does not take are refused before anything loads: %j', async (lists, sentence) => {
    const description = await describeModel(folder)
    expect(() => checkRequest(description, request(lists))).toThrow(sentence)
  })
})

describe('guess mode', () => {
  it('means nothing without a ControlNet, which is told', async () => {
    const { warnings } = await pipeline.run(request({ guessMode: true, timesteps: [981] }), idleContext)
    expect(warnings).toContainEqual({
      kind: 'ignored',
      field: 'guess_mode',
      detail: 'guess_mode is not used: it is for ControlNets.',
    })
  })
})
