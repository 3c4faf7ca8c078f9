import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RawPicture } from '../../src/contract/index.ts'
import { enlargePicture } from '../../src/images/enlarge-picture.ts'
import { lookAt, makePng } from './pictures.ts'
import { fromBase64, type Json, post, readJson, startTestServer } from './test-server.ts'

/** A server with two super-resolution graphs whose engine doubles what it gets. */
async function startWithGraphs() {
  const folder = await mkdtemp(join(tmpdir(), 'upscalers-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'anime'))
  for (const name of ['sharp-2x.onnx', 'anime/lines.onnx', 'readme.txt']) await writeFile(join(folder, name), '')
  const server = await startTestServer({ settings: { upscalerDir: folder } })
  const runs: { file: string; width: number }[] = []
  Object.assign(server.backend, {
    enlargePicture: async (picture: RawPicture, file: string) => {
      runs.push({ file, width: picture.width })
      return await enlargePicture(picture, { width: picture.width * 2, height: picture.height * 2 }, 'nearest')
    },
  })
  return { server, folder, runs }
}

const sizeOf = async (picture: string) => {
  const { width, height } = await lookAt(fromBase64(picture))
  return [width, height]
}

describe('AUTOMATIC1111: super-resolution graphs', () => {
  it('lists the graphs of the folder, and none where nothing runs them', async () => {
    const { server } = await startWithGraphs()
    const list = async () => (await readJson(await fetch(`${server.url}/sdapi/v1/upscalers`))) as Json[]
    expect((await list()).map(({ name }) => name)).toEqual(['None', 'Lanczos', 'Nearest', 'anime/lines', 'sharp-2x'])
    for (const entry of await list())
      expect(Object.keys(entry)).toEqual(['name', 'model_name', 'model_path', 'model_url', 'scale'])
    Object.assign(server.backend, { enlargePicture: undefined })
    expect(await list()).toHaveLength(3)
  })

  it('runs a graph until the picture is large enough, and brings it to the size', async () => {
    const { server, folder, runs } = await startWithGraphs()
    const image = (await makePng(20, 10)).toString('base64')
    const enlarge = async (fields: object) => {
      const answer = await readJson(
        await post(server, '/sdapi/v1/extra-single-image', { image, upscaler_1: 'Sharp-2x', ...fields }),
      )
      return await sizeOf(answer.image)
    }
    expect(await enlarge({ upscaling_resize: 2 })).toEqual([40, 20])
    expect(runs.splice(0)).toEqual([{ file: join(folder, 'sharp-2x.onnx'), width: 20 }])
    expect(await enlarge({ upscaling_resize: 3 })).toEqual([60, 30])
    expect(runs.splice(0).map(({ width }) => width)).toEqual([20, 40])
    expect(await enlarge({ resize_mode: 1, upscaling_resize_w: 30, upscaling_resize_h: 30 })).toEqual([30, 30])
    expect(runs.splice(0).map(({ width }) => width)).toEqual([20, 40])
    expect(await enlarge({ upscaling_resize: 0.5 })).toEqual([10, 5])
    expect(runs).toEqual([])
  })

  it('enlarges several pictures', async () => {
    const { server, runs } = await startWithGraphs()
    const data = (await makePng(20, 10)).toString('base64')
    const imageList = [1, 2].map((place) => ({ data, name: `${place}.png` }))
    const answer = await post(server, '/sdapi/v1/extra-batch-images', {
      imageList,
      upscaler_1: 'anime/lines',
      upscaling_resize: 2,
    })
    const { images } = await readJson(answer)
    expect(await Promise.all(images.map(sizeOf))).toEqual([
      [40, 20],
      [40, 20],
    ])
    expect(runs).toHaveLength(2)
  })

  it('enlarges between the two passes of a drawing', async () => {
    const { server, runs } = await startWithGraphs()
    const hires = { enable_hr: true, hr_scale: 2, hr_upscaler: 'sharp-2x', hr_prompt: 'y', hr_negative_prompt: 'fog' }
    const drawn = await post(server, '/sdapi/v1/txt2img', { prompt: 'x', width: 32, height: 32, ...hires })
    const { images, warnings } = await readJson(drawn)
    expect([await sizeOf(images[0]), warnings]).toEqual([[64, 64], []])
    expect(runs).toHaveLength(1)
    expect(server.backend.requests.map(({ prompt, negativePrompt }) => [prompt, negativePrompt])).toEqual([
      ['x', undefined],
      ['y', 'fog'],
    ])
  })

  it('may draw the second pass with another sampler', async () => {
    const { server } = await startWithGraphs()
    const draw = async (fields: object) => {
      const body = { prompt: 'x', width: 32, height: 32, sampler_name: 'Euler', scheduler: 'karras', enable_hr: true, ...fields }
      await post(server, '/sdapi/v1/txt2img', body)
      return server.backend.requests.splice(0).map(({ diffusion }) => diffusion!.scheduler)
    }
    expect(await draw({ hr_sampler_name: 'Use same sampler' })).toEqual(['Euler karras', 'Euler karras'])
    expect(await draw({ hr_sampler_name: 'DPM++ 2M' })).toEqual(['Euler karras', 'DPM++ 2M karras'])
    expect(await draw({ hr_scheduler: 'Exponential' })).toEqual(['Euler karras', 'Euler exponential'])
  })

  it('cuts what stands over where the second pass has another shape', async () => {
    const { server } = await startWithGraphs()
    const hires = { enable_hr: true, hr_resize_x: 64, hr_resize_y: 32 }
    const { images } = await readJson(await post(server, '/sdapi/v1/txt2img', { prompt: 'x', width: 32, height: 32, ...hires }))
    expect(await sizeOf(images[0])).toEqual([64, 32])
  })

  it('lays a second upscaler over the first', async () => {
    const { server } = await startWithGraphs()
    const halves = await sharp(await makePng(2, 1, 'black'))
      .composite([{ input: await makePng(1, 1, 'white'), left: 1, top: 0 }])
      .png()
      .toBuffer()
    const enlarge = async (fields: object) => {
      const body = {
        image: halves.toString('base64'),
        upscaling_resize: 4,
        upscaler_1: 'Nearest',
        upscaler_2: 'Lanczos',
        ...fields,
      }
      const { image } = await readJson(await post(server, '/sdapi/v1/extra-single-image', body))
      return await sharp(fromBase64(image)).raw().toBuffer()
    }
    const [nearest, both] = [await enlarge({}), await enlarge({ extras_upscaler_2_visibility: 0.5 })]
    expect(new Set(nearest)).toEqual(new Set([0, 255]))
    expect(new Set(both).size).toBeGreaterThan(2)
  })

  it('refuses upscalers that it has not, as the origin does, and says what it leaves out', async () => {
    const { server } = await startWithGraphs()
    const image = (await makePng(8, 8)).toString('base64')
    const send = async (fields: object) => await post(server, '/sdapi/v1/extra-single-image', { image, ...fields })
    const refused = await send({ upscaler_1: 'R-ESRGAN 4x+' })
    expect([refused.status, (await readJson(refused)).detail]).toEqual([
      400,
      'Invalid upscaler, needs to be one of these: None , Lanczos , Nearest , anime/lines , sharp-2x',
    ])
    expect((await send({ upscaler_1: '../sharp-2x' })).status).toBe(400)
    expect((await readJson(await send({ gfpgan_visibility: 0.5 }))).warnings).toEqual([expect.stringContaining('gfpgan')])
    const drawn = await post(server, '/sdapi/v1/txt2img', {
      prompt: 'x',
      width: 32,
      height: 32,
      enable_hr: true,
      hr_upscaler: 'Latent',
    })
    expect((await readJson(drawn)).warnings).toEqual([expect.stringContaining('"Latent"')])
  })
})
