import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImageRequest } from '../../src/contract/index.ts'
import { openPipeline, type Pipeline } from '../../src/pipelines/index.ts'
import { splitCombined } from '../../src/pipelines/prompts/combined-prompt.ts'
import { readSchedule } from '../../src/pipelines/prompts/prompt-schedule.ts'
import { fixturePath } from '../support/fixtures.ts'
import { idleContext } from '../support/golden-suite.ts'

const alternating = (texts: string[]) => Array.from({ length: 10 }, (_, at) => [at + 1, texts[at % texts.length]!] as const)

describe('prompts that change between steps', () => {
  // The examples in modules/prompt_parser.py of the A1111 web UI, for ten steps.
  it.each<[string, readonly (readonly [number, string])[]]>([
    ['test', [[10, 'test']]],
    [
      'a [b:3]',
      [
        [3, 'a '],
        [10, 'a b'],
      ],
    ],
    [
      'a [b: 3]',
      [
        [3, 'a '],
        [10, 'a b'],
      ],
    ],
    [
      'a [[[b]]:2]',
      [
        [2, 'a '],
        [10, 'a [[b]]'],
      ],
    ],
    [
      '[(a:2):3]',
      [
        [3, ''],
        [10, '(a:2)'],
      ],
    ],
    [
      'a [b : c : 1] d',
      [
        [1, 'a b  d'],
        [10, 'a  c  d'],
      ],
    ],
    [
      'a[b:[c:d:2]:1]e',
      [
        [1, 'abe'],
        [2, 'ace'],
        [10, 'ade'],
      ],
    ],
    ['a [unbalanced', [[10, 'a [unbalanced']]],
    [
      'a [b:.5] c',
      [
        [5, 'a  c'],
        [10, 'a b c'],
      ],
    ],
    [
      'a [{b|d{:.5] c',
      [
        [5, 'a  c'],
        [10, 'a {b|d{ c'],
      ],
    ],
    [
      '((a][:b:c [d:3]',
      [
        [3, '((a][:b:c '],
        [10, '((a][:b:c d'],
      ],
    ],
    ['[a|(b:1.1)]', alternating(['a', '(b:1.1)'])],
    ['[fe|]male', alternating(['female', 'male'])],
    ['[fe|||]male', alternating(['female', 'male', 'male', 'male'])],
    [
      '[a::3] b',
      [
        [3, 'a b'],
        [10, ' b'],
      ],
    ],
    ['[less] \\[b:3\\]', [[10, '[less] \\[b:3\\]']]],
    ['[a:b:0]', [[10, 'b']]],
    ['[a:b:99]', [[10, 'a']]],
  ])('are read from %j', (prompt, expected) => {
    expect(readSchedule(prompt, 10).map(({ until, text }) => [until, text])).toEqual(expected)
  })

  it('stand next to each other with AND', () => {
    expect(splitCombined('a cat')).toEqual([{ text: 'a cat', weight: 1 }])
    expect(splitCombined('a cat: 2')).toEqual([{ text: 'a cat: 2', weight: 1 }])
    expect(splitCombined('a cat :1.2 AND a dog')).toEqual([
      { text: 'a cat', weight: 1.2 },
      { text: ' a dog', weight: 1 },
    ])
    expect(splitCombined('a BRAND of AND')).toHaveLength(2)
  })
})

describe.each(['sd15-tiny', 'sdxl-tiny', 'lcm-tiny'])('a run of %s', (name) => {
  let pipeline: Pipeline
  beforeAll(async () => {
    pipeline = await openPipeline({ folder: fixturePath(`models/${name}`) })
  })
  afterAll(async () => {
    await pipeline[Symbol.asyncDispose]()
  })

  async function draw(prompt: string, changes: Partial<ImageRequest> = {}) {
    const request = { prompt, numImages: 1, seeds: [7], numInferenceSteps: 4, size: { width: 64, height: 64 }, ...changes }
    const { images, warnings } = await pipeline.run(
      { ...request, diffusion: { promptSyntax: 'a1111', ...changes.diffusion } },
      idleContext,
    )
    expect(warnings).toEqual([])
    return images[0]!.picture
  }

  it('follows the prompt from step to step', async () => {
    const [cat, dog] = [await draw('a cat'), await draw('a dog')]
    expect(await draw('a [cat:dog:0]')).toEqual(dog)
    expect(await draw('a [cat:dog:4]')).toEqual(cat)
    const pictures = [cat, dog, await draw('a [cat:dog:1]'), await draw('a [cat|dog]')]
    for (const [at, picture] of pictures.entries()) {
      for (const other of pictures.slice(at + 1)) expect(picture).not.toEqual(other)
    }
    expect(await draw('a [cat:dog:.25]')).toEqual(pictures[2])
  })

  it('reads brackets as letters without the syntax that knows them', async () => {
    const [plain, other] = await Promise.all([
      draw('a [cat:dog:0]', { diffusion: { promptSyntax: 'none' } }),
      draw('a [cat:dog:4]', { diffusion: { promptSyntax: 'none' } }),
    ])
    expect(plain).not.toEqual(other)
  })

  // Latent consistency models are guided by a number alone.
  if (name === 'lcm-tiny') return

  it('is guided towards several prompts at once, and by a negative prompt that changes', async () => {
    const guided = { guidanceScale: 4 }
    const cat = await draw('a cat', guided)
    expect(await draw('a cat AND a dog :0', guided)).toEqual(cat)
    expect(await draw('a cat AND a dog', guided)).not.toEqual(cat)
    const foggy = await draw('a cat', { ...guided, negativePrompt: 'fog' })
    expect(await draw('a cat', { ...guided, negativePrompt: '[fog:rain:4]' })).toEqual(foggy)
    expect(await draw('a cat', { ...guided, negativePrompt: '[fog:rain:1]' })).not.toEqual(foggy)
    expect(await draw('a cat AND a dog', { guidanceScale: 1 })).not.toEqual(await draw('a cat', { guidanceScale: 1 }))
  })
})
