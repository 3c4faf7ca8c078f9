import { describe, it } from 'vitest'
import { openPipeline } from '../../src/pipelines/index.ts'
import { expectWithin, FLOAT32_TOLERANCE, measureDeviation } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readGolden, readGoldenCases } from '../support/golden-cases.ts'
import { describeGoldens, idleContext } from '../support/golden-suite.ts'

describeGoldens({
  model: 'sdxl-tiny',
  prefixes: ['sdxl-'],
  except: ({ call }) => call['output_type'] === 'latent',
})
describeGoldens({ model: 'sdxl-inpaint-tiny', prefixes: ['sdxl-inpaint9-'], root: 'unet-goldens' })
describeGoldens({ model: 'sdxl-turbo-tiny', prefixes: ['sdxl-turbo-'] })
describeGoldens({
  model: 'sdxl-refiner-tiny',
  prefixes: ['refiner-'],
  except: ({ latentsFrom }) => latentsFrom !== undefined,
})

describe('a base with a refiner', () => {
  it.each([
    { share: 0.7, base: 'sdxl-base-end0.7', refined: 'refiner-start0.7' },
    { share: 0.8, base: 'sdxl-base-end0.8-heun', refined: 'refiner-start0.8-heun' },
  ])('hands over at $share as two diffusers pipelines do', async ({ base, refined }) => {
    await using pipeline = await openPipeline({ folder: fixturePath('models/sdxl-tiny') })
    const { request } = readGoldenCases([base])[0]!
    const golden = readGoldenCases([refined])[0]!
    const diffusion = { ...request.diffusion, refiner: fixturePath('models/sdxl-refiner-tiny') }
    const { images } = await pipeline.run({ ...request, diffusion }, idleContext)
    expectWithin(measureDeviation(images[0]!, 0, readGolden(golden, 'latents'), readGolden(golden, 'image')), FLOAT32_TOLERANCE)
  })
})
