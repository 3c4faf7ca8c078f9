import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DiffusionOptions, ImageRequest } from '../../src/contract/index.ts'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { parseA1111 } from '../../src/pipelines/prompts/parse-a1111.ts'
import { parseCompel } from '../../src/pipelines/prompts/parse-compel.ts'
import { weighByScaling, weighFromEmpty } from '../../src/pipelines/prompts/weigh-states.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'

const plain = (text: string) => ({ text, weight: 1 })

describe('the a1111 syntax', () => {
  it.each([
    ['normal text', [plain('normal text')]],
    ['an (important) word', [plain('an '), { text: 'important', weight: 1.1 }, plain(' word')]],
    ['(unbalanced', [{ text: 'unbalanced', weight: 1.1 }]],
    ['\\(literal\\]', [plain('(literal]')]],
    ['(unnecessary)(parens)', [{ text: 'unnecessaryparens', weight: 1.1 }]],
    ['a (b:1.3) c', [plain('a '), { text: 'b', weight: 1.3 }, plain(' c')]],
    ['[less]', [{ text: 'less', weight: 1 / 1.1 }]],
    ['one BREAK two', [plain('one'), 'break', plain('two')]],
    ['', [plain('')]],
  ])('reads %j', (prompt, parts) => {
    expect(parseA1111(prompt)).toEqual(parts)
  })

  it('multiplies nested weights', () => {
    const parts = parseA1111('a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).')
    const weights = Object.fromEntries(parts.flatMap((part) => (part === 'break' ? [] : [[part.text, part.weight]])))
    expect(weights['house']).toBeCloseTo(1.573)
    expect(weights['on']).toBeCloseTo(1)
    expect(weights['hill']).toBeCloseTo(0.55)
    expect(weights['sky']).toBeCloseTo(1.4641)
  })
})

describe('the compel syntax', () => {
  it.each([
    ['a cat', [plain('a cat')]],
    ['a big++ cat', [plain('a '), { text: 'big', weight: 1.1 ** 2 }, plain(' cat')]],
    ['a (big cat)1.5 runs', [plain('a '), { text: 'big cat', weight: 1.5 }, plain(' runs')]],
    ['(a cat)-', [{ text: 'a cat', weight: 0.9 }]],
    ['well-known c++', [plain('well-known '), { text: 'c', weight: 1.1 ** 2 }]],
    ['\\(literal\\)', [plain('(literal)')]],
  ])('reads %j', (prompt, parts) => {
    const read = parseCompel(prompt)
    expect(read.map(({ text }) => text)).toEqual(parts.map(({ text }) => text))
    for (const [i, { weight }] of read.entries()) expect(weight).toBeCloseTo(parts[i]!.weight)
  })
})

describe('weights', () => {
  const states = { data: Float32Array.of(1, 2, 3, 4), shape: [1, 2, 2] }

  it('keep the mean of the states in the a1111 way', () => {
    const { data } = weighByScaling(states, [1, 2])
    expect(data.reduce((sum, value) => sum + value) / 4).toBeCloseTo(2.5)
    expect(data[2]! / data[0]!).toBeCloseTo(6)
  })

  it('move away from the empty prompt in the compel way', () => {
    const empty = { data: Float32Array.of(0, 0, 1, 1), shape: [1, 2, 2] }
    expect([...weighFromEmpty(states, [1, 1.5], empty).data]).toEqual([1, 2, 4, 5.5])
  })
})

describe('a prompt syntax', () => {
  let pipeline: Pipeline
  beforeAll(async () => {
    pipeline = await openPipeline({ folder: fixturePath('models/sdxl-tiny') })
  })
  afterAll(async () => {
    await pipeline[Symbol.asyncDispose]()
  })

  const draw = async (prompt: string, diffusion: DiffusionOptions) => {
    const request: ImageRequest = { prompt, numImages: 1, seeds: [1], numInferenceSteps: 2, size: { width: 64, height: 64 } }
    return await pipeline.run({ ...request, diffusion }, idleContext)
  }

  it.each(['a1111', 'compel'] as const)('draws an unweighted prompt like none does: %s', async (promptSyntax) => {
    const { images } = await draw('a red cat, on a mat', {})
    expect((await draw('a red cat, on a mat', { promptSyntax })).images).toEqual(images)
  })

  it.each(['a1111', 'compel'] as const)('reads prompts beyond the encoder’s length: %s', async (promptSyntax) => {
    const long = 'a cat and a dog, '.repeat(30)
    const { images, warnings } = await draw(`${long}on a hill`, { promptSyntax })
    expect(warnings).toEqual([])
    expect((await draw(`${long}in a house`, { promptSyntax })).images).not.toEqual(images)
  })

  it('fills up a shorter second prompt', async () => {
    const { images } = await draw('a cat and a dog, '.repeat(30), { promptSyntax: 'a1111', prompt2: 'a cat' })
    expect(images).toHaveLength(1)
  })
})
