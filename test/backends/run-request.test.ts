import { describe, expect, it } from 'vitest'
import { openFakeBackend } from '../../src/backends/fake/fake-backend.ts'
import { runRequest } from '../../src/backends/run-request.ts'
import { SHARED_SETTINGS, withDefaults } from '../../src/config/settings.ts'
import type { BackendCapabilities, CallContext, ImageBackend, ImageRequest, ImageResult } from '../../src/contract/index.ts'
import { DiffgentorError } from '../../src/errors.ts'

const context: CallContext = { signal: new AbortController().signal }

/** The fake backend with other abilities, which also tells what it was asked. */
async function openLimited(
  abilities: Partial<BackendCapabilities>,
  onCall: (request: ImageRequest, call: number) => void = () => undefined,
) {
  const fake = await openFakeBackend(withDefaults(SHARED_SETTINGS, { backend: 'fake' }))
  let calls = 0
  const backend: ImageBackend = {
    name: fake.name,
    modelId: 'limited',
    capabilities: { ...fake.capabilities, ...abilities },
    run: async (request, callContext): Promise<ImageResult> => {
      onCall(request, ++calls)
      return await fake.run(request, callContext)
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
  return backend
}

describe('many images', () => {
  it('are split into calls of the size that the backend takes, in order, with their seeds', async () => {
    const asked: ImageRequest[] = []
    const backend = await openLimited({ maxImagesPerCall: 2 }, (request) => asked.push(request))
    const { images } = await runRequest(backend, { prompt: 'x', numImages: 5, seeds: [1, 2, 3, 4, 5] }, context)
    expect(asked.map(({ numImages, seeds }) => [numImages, seeds])).toEqual([
      [2, [1, 2]],
      [2, [3, 4]],
      [1, [5]],
    ])
    expect(images.map(({ seed }) => seed)).toEqual([1, 2, 3, 4, 5])
  })

  it('count on in the progress over all calls', async () => {
    const backend = await openLimited({ maxImagesPerCall: 2 })
    const seen = new Set<number>()
    await runRequest(
      backend,
      { prompt: 'x', numImages: 3 },
      { ...context, onProgress: (event) => 'image' in event && seen.add(event.image) },
    )
    expect([...seen]).toEqual([0, 1, 2])
  })

  const failSecond = (_: ImageRequest, call: number) => {
    if (call === 2) throw new DiffgentorError('upstream_unavailable', 'The provider is down.')
  }

  it('that were paid for are handed over when a later call fails', async () => {
    const backend = await openLimited({ maxImagesPerCall: 1, paid: true }, failSecond)
    const { images, warnings } = await runRequest(backend, { prompt: 'x', numImages: 3 }, context)
    expect(images).toHaveLength(1)
    expect(warnings[0]?.detail).toBe('Only 1 of 3 images came back: The provider is down.')
  })

  it('of a backend that costs nothing fail together', async () => {
    const backend = await openLimited({ maxImagesPerCall: 1 }, failSecond)
    await expect(runRequest(backend, { prompt: 'x', numImages: 3 }, context)).rejects.toThrow('The provider is down.')
  })
})

describe('what the backend cannot honor', () => {
  it('is withheld and told, once each', async () => {
    let asked: ImageRequest | undefined
    const backend = await openLimited(
      {
        negativePrompt: false,
        seed: false,
        guidanceScale: false,
        numInferenceSteps: false,
        diffusion: false,
        maxImagesPerCall: 1,
      },
      (request) => {
        asked = request
      },
    )
    const request: ImageRequest = {
      prompt: 'x',
      negativePrompt: 'y',
      numImages: 2,
      seeds: [1, 2],
      guidanceScale: 0,
      numInferenceSteps: 5,
      diffusion: { scheduler: 'euler', eta: undefined },
    }
    const { warnings } = await runRequest(backend, request, context)
    expect(warnings.map(({ field }) => field)).toEqual([
      'negative_prompt',
      'num_inference_steps',
      'guidance_scale',
      'seed',
      'scheduler',
    ])
    expect(Object.keys(asked!)).not.toEqual(expect.arrayContaining(['negativePrompt']))
    expect(asked).toMatchObject({ prompt: 'x', numImages: 1 })
  })

  it.each([
    [{ generate: false }, { prompt: 'x', numImages: 1 }, 'edits pictures and cannot draw from text alone'],
    [
      { edit: false },
      { prompt: 'x', numImages: 1, edit: { images: [new Uint8Array(1)] } },
      'draws from text and cannot edit pictures',
    ],
    [
      { maxInputImages: 1 },
      { prompt: 'x', numImages: 1, edit: { images: [new Uint8Array(1), new Uint8Array(1)] } },
      'takes at most 1 source image(s), got 2',
    ],
    [{}, { prompt: 'x', numImages: 0 }, 'must be a whole number from 1, got 0'],
    [{}, { prompt: 'x', numImages: 2, seeds: [1] }, 'one seed for each of the 2 images, got 1'],
    [{}, { prompt: 'x', numImages: 1, size: { width: 0, height: 5 } }, 'must be positive, got 0x5'],
    [{}, { prompt: 'x', numImages: 1, edit: { images: [] } }, 'needs at least one source image'],
    [
      {},
      { prompt: 'x', numImages: 1, edit: { images: [new Uint8Array(1)], strength: 1.5 } },
      'strength must be from 0 to 1, got 1.5',
    ],
  ] as [Partial<BackendCapabilities>, ImageRequest, string][])('is refused: %j', async (abilities, request, sentence) => {
    await expect(runRequest(await openLimited(abilities), request, context)).rejects.toThrow(sentence)
  })
})
