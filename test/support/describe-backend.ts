import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GeneratedImage, ImageBackend, ImageRequest, Progress } from '../../src/contract/index.ts'

/** What the suite draws with. */
export interface BackendSample {
  /** Opens the backend. */
  open: () => Promise<ImageBackend>
  /** Wishes that make a picture cheap, such as size and steps. */
  request?: Partial<ImageRequest>
}

/** What every backend keeps to, whatever draws behind it. */
export function describeBackend(name: string, { open, request: wishes = {} }: BackendSample): void {
  describe(`${name} keeps the contract of a backend`, () => {
    const never = new AbortController().signal
    const ask = (wish: Partial<ImageRequest> = {}): ImageRequest => ({ prompt: 'a red apple', numImages: 1, ...wishes, ...wish })
    let backend: ImageBackend
    beforeAll(async () => {
      backend = await open()
    })
    afterAll(async () => {
      await backend[Symbol.asyncDispose]()
    })

    const draw = async (wish: Partial<ImageRequest>) => (await backend.run(ask(wish), { signal: never })).images

    it('rejects at once, with its reason, when the signal has fired already', async () => {
      const told: Progress[] = []
      const signal = AbortSignal.abort(new Error('too late'))
      await expect(backend.run(ask(), { signal, onProgress: (event) => told.push(event) })).rejects.toThrow('too late')
      expect(told).toEqual([])
    })

    it('gives as many pictures as were asked for, with their seeds in order', async () => {
      const images = await draw({ numImages: 3, seeds: [5, 6, 7] })
      expect(images).toHaveLength(3)
      if (backend.capabilities.seed) expect(images.map(({ seed }) => seed)).toEqual([5, 6, 7])
    })

    it('draws the size that was asked for, or its default', async () => {
      const { sizes } = backend.capabilities
      const [image] = await draw({ seeds: [1] })
      if (image?.picture.kind !== 'raw') return
      const { width, height } = wishes.size ?? sizes!.default
      expect(image.picture).toMatchObject({ width, height })
      expect(image.picture.pixels).toHaveLength(width * height * image.picture.channels)
    })

    it('draws the same picture from the same seed, alone, in company, in any order and at the same time', async (context) => {
      if (!backend.capabilities.seed) return context.skip()
      const alone = bytesOf((await draw({ seeds: [7] }))[0]!)
      const company = await draw({ numImages: 3, seeds: [9, 7, 8] })
      const together = await Promise.all([draw({ seeds: [8] }), draw({ seeds: [7] }), draw({ numImages: 2, seeds: [7, 9] })])
      for (const image of [company[1], together[1][0], together[2][0]]) expect(bytesOf(image!).equals(alone)).toBe(true)
      expect(bytesOf(company[0]!).equals(alone)).toBe(false)
    })

    it('chooses seeds itself when none are given, and tells them', async (context) => {
      if (!backend.capabilities.seed) return context.skip()
      const [image] = await draw({})
      const [again] = await draw({ seeds: [image!.seed!] })
      expect(bytesOf(again!).equals(bytesOf(image!))).toBe(true)
    })

    it('tells that it begins, and counts the steps of each picture up to the end', async () => {
      const told: Progress[] = []
      await backend.run(ask({ numImages: 2, seeds: [1, 2] }), { signal: never, onProgress: (event) => told.push(event) })
      expect(told.filter(({ phase }) => phase === 'start')).toHaveLength(1)
      for (const image of [0, 1]) {
        const steps = told.filter((event) => event.phase === 'step-end').filter((event) => event.image === image)
        expect(steps.map(({ step }) => step)).toEqual(steps.map((_, index) => index + 1))
        if (steps.length > 0) expect(steps).toHaveLength(steps[0]!.totalSteps)
      }
    })

    it('stops when the signal fires while it draws, and draws on afterwards', async () => {
      const control = new AbortController()
      const onProgress = (event: Progress) => {
        if (event.phase === 'start') control.abort(new Error('enough'))
      }
      const end = backend.run(ask({ seeds: [3] }), { signal: control.signal, onProgress }).then(() => 'drawn to the end')
      await expect(end).rejects.toThrow('enough')
      expect(await draw({ seeds: [3] })).toHaveLength(1)
    })

    it('leaves the request as it was', async () => {
      const request = ask({ numImages: 2, seeds: [1, 2] })
      const before = structuredClone(request)
      await backend.run(Object.freeze(request), { signal: never })
      expect(request).toEqual(before)
    })

    it('tells what was used in a recipe of plain values, without any place on the disk', async () => {
      const { recipe, warnings } = await backend.run(ask({ seeds: [1] }), { signal: never })
      expect(recipe).toMatchObject({ backend: backend.name, model: backend.modelId })
      expect(warnings).toEqual([])
      expect(JSON.parse(JSON.stringify(recipe))).toEqual(JSON.parse(JSON.stringify(structuredClone(recipe))))
      expect(JSON.stringify(recipe)).not.toContain(process.cwd())
    })

    it('draws the same after it was warmed up, unloaded and started afresh', async (context) => {
      if (!backend.capabilities.seed) return context.skip()
      const [first] = await draw({ seeds: [4] })
      await backend.unload?.()
      await backend.warmUp?.({ signal: never })
      await backend.restart?.()
      const [second] = await draw({ seeds: [4] })
      expect(bytesOf(second!).equals(bytesOf(first!))).toBe(true)
    })

    it('can be closed twice', async () => {
      const other = await open()
      await other[Symbol.asyncDispose]()
      await expect(other[Symbol.asyncDispose]()).resolves.toBeUndefined()
    })
  })
}

function bytesOf({ picture }: GeneratedImage): Buffer {
  return Buffer.from(picture.kind === 'raw' ? picture.pixels : picture.bytes)
}
