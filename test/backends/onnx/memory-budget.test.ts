import { describe, expect, it } from 'vitest'
import { planMemory, whyOffload } from '../../../src/backends/onnx/memory-budget.ts'
import { describeModel, type ModelDescription } from '../../../src/pipelines/index.ts'
import { fixturePath } from '../../support/fixtures.ts'

const GIGABYTE = 1e9

/** A small model's description with the weights of a large one. */
async function describeLarge(gigabytes: Record<string, number>): Promise<ModelDescription> {
  const description = await describeModel(fixturePath('dit/sd3/model'))
  const components = description.components.map((component) => ({
    ...component,
    weightBytes: (gigabytes[component.name] ?? 0) * GIGABYTE,
  }))
  return { ...description, components, memoryBytes: components.reduce((sum, { weightBytes }) => sum + weightBytes, 0) }
}

describe('a model that is too large as a whole', () => {
  const sizes = { text_encoder: 1, text_encoder_2: 3, text_encoder_3: 19, transformer: 10, vae_decoder: 0.2 }

  it('is held in parts when they fit, and says so with numbers', async () => {
    const description = await describeLarge(sizes)
    expect(whyOffload(description, 30_000)).toMatch(/needs about 3\d GB .* and 30 GB may be used/)
  })

  it('counts all text encoders as one part, since they stay together', async () => {
    const description = await describeLarge(sizes)
    expect(planMemory(description, { maxMemory: 22_000, cpuOffload: true }).needFor(description.defaults)).toBeGreaterThan(
      23 * GIGABYTE,
    )
    expect(whyOffload(description, 22_000)).toBeUndefined()
  })

  it('is refused with numbers when not even its largest part fits', async () => {
    const description = await describeLarge(sizes)
    const { countFitting } = planMemory(description, { maxMemory: 22_000, cpuOffload: true })
    expect(() => countFitting(description.defaults)).toThrow(/needs about .* GB .* and 22 GB may be used/)
  })
})

it('holds a model whole when it fits', async () => {
  expect(whyOffload(await describeLarge({ transformer: 2 }), 30_000)).toBeUndefined()
})
