import { describe, expect, it } from 'vitest'
import { chooseResidence } from '../../../src/backends/onnx/choose-residence.ts'
import { planMemory, type Residence } from '../../../src/backends/onnx/memory-budget.ts'
import { describeModel, type ModelDescription } from '../../../src/pipelines/index.ts'
import { fixturePath } from '../../support/fixtures.ts'

const GIGABYTE = 1e9
const WHOLE: Residence = { cpuOffload: false, weights: 'shared' }
const IN_PARTS: Residence = { cpuOffload: true, weights: 'shared' }

/** A small model's description with the weights of a large one; `expansion` is how much larger they are in memory. */
async function describeLarge(gigabytes: Record<string, number>, expansion = 1): Promise<ModelDescription> {
  const description = await describeModel(fixturePath('dit/sd3/model'))
  const components = description.components.map((component) => {
    const weightBytes = (gigabytes[component.name] ?? 0) * GIGABYTE
    return { ...component, weightBytes, memoryBytes: expansion * weightBytes }
  })
  return { ...description, components, memoryBytes: components.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) }
}

function choose(description: ModelDescription, maxMemory: number, mayMap = false) {
  return chooseResidence(description, WHOLE, { maxMemory, mayMap })
}

describe('a model that is too large as a whole', () => {
  const sizes = { text_encoder: 1, text_encoder_2: 3, text_encoder_3: 19, transformer: 10, vae_decoder: 0.2 }

  it('is held in parts when they fit, and says so with numbers', async () => {
    const { residence, warning } = choose(await describeLarge(sizes), 30_000)
    expect(residence).toEqual(IN_PARTS)
    expect(warning?.field).toBe('enable_cpu_offload')
    expect(warning?.detail).toMatch(/needs about 3\d GB .* and 30 GB may be used/)
  })

  it('counts all text encoders as one part, since they stay together', async () => {
    const description = await describeLarge(sizes)
    expect(planMemory(description, { maxMemory: 22_000, ...IN_PARTS }).needFor(description.defaults)).toBeGreaterThan(
      23 * GIGABYTE,
    )
  })

  it('keeps its weights in their files when not even its largest part fits, and says so', async () => {
    const { residence, warning } = choose(await describeLarge(sizes), 22_000, true)
    expect(residence).toEqual({ cpuOffload: true, weights: 'mapped' })
    expect(warning).toMatchObject({ field: 'map_weights', detail: expect.stringContaining('22 GB may be used') })
  })

  it('is refused with numbers where it may not do that either', async () => {
    const description = await describeLarge(sizes)
    const { residence, warning } = choose(description, 22_000)
    expect(warning).toBeUndefined()
    const { countFitting } = planMemory(description, { maxMemory: 22_000, ...residence })
    expect(() => countFitting(description.defaults)).toThrow(/needs about .* GB .* and 22 GB may be used/)
  })

  it('is refused where its files hold half precision, which must be expanded in memory', async () => {
    expect(choose(await describeLarge(sizes, 2), 22_000, true).warning).toBeUndefined()
  })
})

it('holds a model whole when it fits', async () => {
  expect(choose(await describeLarge({ transformer: 2 }), 30_000)).toEqual({ residence: WHOLE })
})

it('counts weights that workers share once, and those of changed graphs for each', async () => {
  const description = await describeLarge({ transformer: 8 })
  const { countFitting, needFor } = planMemory(description, { maxMemory: 20_000, ...WHOLE })
  expect(Math.floor((20 * GIGABYTE) / needFor(description.defaults))).toBe(countFitting(description.defaults, true))
  expect(countFitting(description.defaults)).toBeGreaterThan(countFitting(description.defaults, true))
})
