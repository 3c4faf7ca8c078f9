import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { img2img } from './a1111-requests.ts'
import { lookAt, makeHalfTransparentPng, makePng } from './pictures.ts'
import { fromBase64, readJson, startTestServer } from './test-server.ts'

/** A gray PNG, white in its left half. */
async function makeLeftMask(width: number, height: number): Promise<string> {
  const pixels = new Uint8Array(width * height)
  for (let at = 0; at < pixels.length; at++) if (at % width < width / 2) pixels[at] = 255
  const png = await sharp(pixels, { raw: { width, height, channels: 1 } })
    .png()
    .toBuffer()
  return png.toString('base64')
}

/** Red, green and blue of one pixel. */
async function pixelAt(png: Uint8Array, x: number, y: number): Promise<number[]> {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  return [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)]
}

describe('AUTOMATIC1111: img2img', () => {
  it('draws from a source, at the size asked for, and echoes it only on demand', async () => {
    const server = await startTestServer()
    const source = (await makePng(40, 20)).toString('base64')
    const body = { prompt: 'x', init_images: [`data:image/png;base64,${source}`], width: 32, height: 32, resize_mode: 1 }
    const answer = await readJson(await img2img(server, body))
    expect(await lookAt(fromBase64(answer.images[0]))).toMatchObject({ width: 32, height: 32 })
    const [request] = server.backend.requests
    expect(request!.edit!.strength).toBe(0.75)
    expect(await lookAt(request!.edit!.images[0]!)).toMatchObject({ width: 32, height: 32 })
    expect(answer.parameters.init_images).toBeNull()
    const echoing = await readJson(await img2img(server, { ...body, include_init_images: true }))
    expect(echoing.parameters.init_images).toEqual(body.init_images)
  })

  it('makes one picture of each of several sources', async () => {
    const server = await startTestServer()
    const init_images = [await makePng(32, 32, 'red'), await makePng(32, 32, 'blue')].map((png) => png.toString('base64'))
    const { images } = await readJson(await img2img(server, { init_images, seed: 1 }))
    expect(images).toHaveLength(2)
    expect(server.backend.requests.map((request) => [request.edit!.images.length, request.seeds])).toEqual([
      [1, [1]],
      [1, [2]],
    ])
  })

  it('leaves what the mask leaves black as it was, pixel by pixel', async () => {
    const server = await startTestServer()
    const body = {
      prompt: '[flat]',
      seed: 1,
      init_images: [(await makePng(64, 64, 'red')).toString('base64')],
      mask: await makeLeftMask(64, 64),
      mask_blur: 0,
      inpainting_fill: 1,
      inpaint_full_res: false,
      width: 64,
      height: 64,
    }
    const draw = async (changes: object) => {
      const answer = await readJson(await img2img(server, { ...body, ...changes }))
      return fromBase64(answer.images[0])
    }
    const left = await draw({})
    expect(await pixelAt(left, 40, 30)).toEqual([255, 0, 0])
    expect(await pixelAt(left, 10, 30)).not.toEqual([255, 0, 0])
    expect(server.backend.requests[0]!.edit!.mask).toBeDefined()
    const right = await draw({ inpainting_mask_invert: 1 })
    expect(await pixelAt(right, 40, 30)).not.toEqual([255, 0, 0])
    expect(await pixelAt(right, 10, 30)).toEqual([255, 0, 0])
  })

  it('repaints what is opaque in a mask with transparency', async () => {
    const server = await startTestServer()
    // Transparent in its left half, and white all over.
    const mask = (await makeHalfTransparentPng(64, 64)).toString('base64')
    const source = (await makePng(64, 64, 'red')).toString('base64')
    const body = { prompt: '[flat]', init_images: [source], mask, mask_blur: 0, inpaint_full_res: false, width: 64, height: 64 }
    const { images } = await readJson(await img2img(server, body))
    expect(await pixelAt(fromBase64(images[0]), 10, 30)).toEqual([255, 0, 0])
    expect(await pixelAt(fromBase64(images[0]), 50, 30)).not.toEqual([255, 0, 0])
  })

  it('starts the masked part from its surroundings, or from the source', async () => {
    const server = await startTestServer()
    const left = { input: await makePng(32, 64, 'blue'), left: 0, top: 0 }
    const source = await sharp(await makePng(64, 64, 'red'))
      .composite([left])
      .png()
      .toBuffer()
    const start = async (fill?: number) => {
      const body = {
        init_images: [source.toString('base64')],
        mask: await makeLeftMask(64, 64),
        mask_blur: 0,
        inpainting_fill: fill,
      }
      const { warnings } = await readJson(await img2img(server, { ...body, inpaint_full_res: false }))
      return [await pixelAt(server.backend.requests.at(-1)!.edit!.images[0]!, 16, 32), warnings.join()]
    }
    expect(await start()).toEqual([[255, 0, 0], ''])
    expect(await start(1)).toEqual([[0, 0, 255], ''])
    expect(server.backend.requests.map(({ diffusion }) => diffusion!.maskFill)).toEqual([undefined, undefined])
  })

  it('puts noise or nothing under the mask in latent space, over its surroundings', async () => {
    const server = await startTestServer()
    const body = { init_images: [(await makePng(64, 64, 'blue')).toString('base64')], mask: await makeLeftMask(64, 64) }
    for (const inpainting_fill of [2, 3]) {
      const { warnings } = await readJson(await img2img(server, { ...body, inpainting_fill }))
      expect(warnings).toEqual([])
    }
    expect(server.backend.requests.map(({ diffusion }) => diffusion!.maskFill)).toEqual(['noise', 'nothing'])
  })

  it('works on the masked part alone, at the full size, and puts it back into the whole picture', async () => {
    const server = await startTestServer()
    const answer = await readJson(
      await img2img(server, {
        prompt: '[flat]',
        init_images: [(await makePng(80, 40, 'red')).toString('base64')],
        mask: await makeLeftMask(80, 40),
        mask_blur: 0,
        width: 64,
        height: 64,
      }),
    )
    const [request] = server.backend.requests
    expect(request!.size).toEqual({ width: 64, height: 64 })
    expect(await lookAt(request!.edit!.images[0]!)).toMatchObject({ width: 64, height: 64 })
    const picture = fromBase64(answer.images[0])
    expect(await lookAt(picture)).toMatchObject({ width: 80, height: 40 })
    expect(await pixelAt(picture, 60, 20)).toEqual([255, 0, 0])
    expect(await pixelAt(picture, 20, 20)).not.toEqual([255, 0, 0])
    expect(answer.warnings.join()).not.toContain('mask')
  })
})
