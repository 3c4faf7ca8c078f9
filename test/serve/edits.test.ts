import { describe, expect, it } from 'vitest'
import { lookAt, makeHalfTransparentPng, makePng, makeUncompressedPng, readGrays } from './pictures.ts'
import { fromBase64, post, readJson, startTestServer, type TestServer } from './test-server.ts'

type FormEntries = readonly (readonly [string, string | Uint8Array, string?])[]

async function edit(server: TestServer, entries: FormEntries, path = '/v1/images/edits'): Promise<Response> {
  const form = new FormData()
  for (const [name, value, filename] of entries) {
    if (typeof value === 'string') form.append(name, value)
    else form.append(name, new Blob([value as Uint8Array<ArrayBuffer>]), filename ?? 'upload')
  }
  return await fetch(server.url + path, { method: 'POST', body: form })
}

const MEGAPIXEL = { multiple: 16, min: 64, max: 2048, default: { width: 1024, height: 1024 } }

describe('POST /v1/images/edits', () => {
  it('case 21: edits one picture', async () => {
    const server = await startTestServer()
    const png = await makePng(40, 30)
    const response = await edit(server, [
      ['prompt', 'bluer'],
      ['image', png],
    ])
    expect(response.status).toBe(200)
    expect((await readJson(response)).data).toHaveLength(1)
    expect(server.backend.requests[0]).toMatchObject({ prompt: 'bluer', edit: { images: [png] } })
  })

  it('case 23: takes pictures from every field name, in the order of the body, and whatever they are called', async () => {
    const server = await startTestServer()
    const [first, second] = [await makePng(8, 8, 'red'), await makePng(8, 8, 'blue')]
    for (const [one, two] of [
      ['images', 'images'],
      ['images[]', 'images[]'],
      ['image[]', 'image[]'],
      ['image[0]', 'image[1]'],
      ['image', 'images'],
    ] as const) {
      expect(
        (
          await edit(server, [
            [one, first, 'a.txt'],
            ['prompt', 'x'],
            [two, second, 'blob'],
          ])
        ).status,
      ).toBe(200)
      expect(server.backend.requests.at(-1)?.edit?.images.map((bytes) => Buffer.from(bytes))).toEqual([first, second])
    }
  })

  it('case 24: says what is missing, and calls a text no picture', async () => {
    const server = await startTestServer()
    const noImage = await edit(server, [['prompt', 'x']])
    expect([noImage.status, (await readJson(noImage)).detail]).toEqual([422, 'At least one image is required'])
    const noPrompt = await edit(server, [['image', await makePng(8, 8)]])
    expect([noPrompt.status, (await readJson(noPrompt)).detail]).toEqual([422, "'prompt' field is required"])
    const text = await edit(server, [
      ['prompt', 'x'],
      ['image', Buffer.from('hello'), 'a.png'],
    ])
    expect(text.status).toBe(400)
    expect((await readJson(text)).error).toMatchObject({ type: 'invalid_request_error', param: 'image' })
  })

  it('case 25: takes JSON with data URLs, bare base64 and addresses', async () => {
    const png = await makePng(8, 8)
    const asked: string[] = []
    const fetchPicture = async (url: string) => {
      asked.push(url)
      return png
    }
    const server = await startTestServer({ fetcher: { fetchPicture } })
    const base64 = png.toString('base64')
    for (const images of [
      [{ image_url: `data:image/png;base64,${base64}` }],
      [{ image_url: base64 }],
      [{ image_url: { url: 'https://example.com/a.png' } }],
      ['https://example.com/b.png'],
    ]) {
      expect((await post(server, '/v1/images/edits', { prompt: 'x', images })).status).toBe(200)
      expect(Buffer.from(server.backend.requests.at(-1)!.edit!.images[0]!)).toEqual(png)
    }
    expect(asked).toEqual(['https://example.com/a.png', 'https://example.com/b.png'])
    const broken = await post(server, '/v1/images/edits', { prompt: 'x', images: [{ image_url: 'file:///etc/passwd' }] })
    expect(broken.status).toBe(400)
    expect((await readJson(broken)).detail).toMatch(/^Invalid image_url/)
  })

  it('names the field of a picture that it does not fetch or cannot read', async () => {
    const server = await startTestServer()
    const [image, text] = [(await makePng(8, 8)).toString('base64'), Buffer.from('hello').toString('base64')]
    const address = `${server.url}/health`
    for (const [field, sent] of Object.entries({ image: address, mask: address, mask_image: text })) {
      const response = await post(server, '/v1/images/edits', { prompt: 'x', image, [field]: sent })
      expect([response.status, (await readJson(response)).error.param]).toEqual([400, field.replace('_image', '')])
    }
  })

  it('takes large base64 texts in fields of forms, wrapped or not', async () => {
    const server = await startTestServer()
    const png = await makeUncompressedPng(1001, 999)
    const base64 = png.toString('base64')
    for (const text of [base64, base64.replace(/.{76}/g, '$&\r\n'), `data:image/png;base64,${png.toString('base64url')}`]) {
      const response = await edit(server, [
        ['prompt', 'x'],
        ['url', text],
      ])
      expect(response.status).toBe(200)
      expect(Buffer.compare(server.backend.requests.at(-1)!.edit!.images[0]!, png)).toBe(0)
    }
    const broken = await edit(server, [
      ['prompt', 'x'],
      ['url', `${base64.slice(0, 3_000_000)}!${base64.slice(3_000_001)}`],
    ])
    expect([broken.status, (await readJson(broken)).detail]).toEqual([400, expect.stringMatching(/^Invalid image_url/)])
  })

  it('reads large JSON bodies beside the event loop, to the same pictures', async () => {
    const server = await startTestServer()
    const png = await makeUncompressedPng(900, 900)
    const image_url = `data:image/png;base64,${png.toString('base64')}`
    expect(image_url.length).toBeGreaterThan(1_000_000)
    const response = await post(server, '/v1/images/edits', { prompt: 'é', n: 2, images: [{ image_url }, image_url] })
    expect(response.status).toBe(200)
    expect(server.backend.requests[0]).toMatchObject({ prompt: 'é', numImages: 2 })
    expect(server.backend.requests[0]!.edit!.images.map((bytes) => Buffer.compare(bytes, png))).toEqual([0, 0])
    expect((await post(server, '/v1/images/edits', `{"prompt":"x","images":["${'A'.repeat(2_000_000)}"`)).status).toBe(400)
    const many = await Promise.all(
      Array.from({ length: 6 }, () => post(server, '/v1/images/edits', { prompt: 'x', images: [image_url] })),
    )
    expect(many.map((answer) => answer.status)).toEqual(Array(6).fill(200))
  })

  it('case 26: knows no file ids', async () => {
    const server = await startTestServer()
    const response = await post(server, '/v1/images/edits', { prompt: 'x', images: [{ file_id: 'f' }] })
    expect(response.status).toBe(400)
    expect((await readJson(response)).detail).toMatch(/^file_id references are not supported/)
  })

  it('case 27: draws one megapixel in the shape of the source where the model is made for that', async () => {
    const server = await startTestServer({ abilities: { sizes: MEGAPIXEL } })
    for (const [width, height, expected] of [
      [800, 600, '1152x864'],
      [1920, 1080, '1344x768'],
      [1080, 1920, '768x1344'],
      [512, 512, '1024x1024'],
    ] as const) {
      const response = await edit(server, [
        ['prompt', '[flat]'],
        ['image', await makePng(width, height)],
      ])
      expect((await readJson(response)).size).toBe(expected)
    }
  })

  it('keeps the size of the source where the model is made for another area', async () => {
    const server = await startTestServer()
    const response = await edit(server, [
      ['prompt', 'x'],
      ['image', await makePng(100, 50)],
    ])
    expect(server.backend.requests[0]?.size).toBeUndefined()
    expect((await readJson(response)).size).toBe('100x50')
  })

  it('case 28: warns about a mask that the model cannot use, and refuses texts for numbers and the wrong mode', async () => {
    const png = await makePng(16, 16)
    const unmasked = await startTestServer({ abilities: { mask: false } })
    const warned = await edit(unmasked, [
      ['prompt', 'x'],
      ['image', png],
      ['mask', png],
    ])
    expect(warned.status).toBe(200)
    expect(warned.headers.get('warning')).toMatch(/^299 - ".*mask.*"$/)
    expect(
      (
        await edit(unmasked, [
          ['prompt', 'x'],
          ['image', png],
          ['n', 'abc'],
        ])
      ).status,
    ).toBe(422)
    const t2i = await startTestServer({ settings: { mode: 't2i' } })
    const refused = await edit(t2i, [
      ['prompt', 'x'],
      ['image', png],
    ])
    expect(refused.status).toBe(400)
    expect((await readJson(refused)).detail).toMatch(/^This server is not configured for image editing/)
  })

  it('reads transparent masks as OpenAI does and opaque ones as white-is-edit', async () => {
    const server = await startTestServer()
    const png = await makePng(4, 2)
    await edit(server, [
      ['prompt', 'x'],
      ['image', png],
      ['mask', await makeHalfTransparentPng(4, 2)],
    ])
    expect(await readGrays(server.backend.requests[0]!.edit!.mask!)).toEqual([255, 255, 0, 0, 255, 255, 0, 0])
    const white = await makePng(4, 2, 'white')
    await edit(server, [
      ['prompt', 'x'],
      ['image', png],
      ['mask_image', white],
    ])
    expect(await readGrays(server.backend.requests[1]!.edit!.mask!)).toEqual(Array(8).fill(255))
    const wrongSize = await edit(server, [
      ['prompt', 'x'],
      ['image', png],
      ['mask', await makePng(5, 2)],
    ])
    expect([wrongSize.status, (await readJson(wrongSize)).error.param]).toEqual([400, 'mask'])
  })

  it('case 29: refuses uploads beyond the limits', async () => {
    const server = await startTestServer({ settings: { maxImage: 0.001, maxBody: 0.005 } })
    const large = Buffer.alloc(2000, 1)
    const tooLarge = await edit(server, [
      ['prompt', 'x'],
      ['image', large],
    ])
    expect([tooLarge.status, (await readJson(tooLarge)).error.code]).toEqual([413, 'request_too_large'])
    expect((await edit(server, [['prompt', 'x'.repeat(6000)]])).status).toBe(413)
    const many = await startTestServer()
    const png = await makePng(2, 2)
    const images = Array.from({ length: 17 }, () => ['image[]', png] as const)
    expect((await edit(many, [['prompt', 'x'], ...images])).status).toBe(400)
  })

  it('refuses a picture that would fill the memory when decoded', async () => {
    const server = await startTestServer()
    const bomb = await makePng(2, 2)
    bomb.writeUInt32BE(60_000, 16)
    bomb.writeUInt32BE(60_000, 20)
    expect(
      (
        await edit(server, [
          ['prompt', 'x'],
          ['image', bomb],
        ])
      ).status,
    ).toBe(400)
  })

  it('reads nested and coerced form fields', async () => {
    const server = await startTestServer()
    const entries = [
      ['prompt', 'x'],
      ['image', await makePng(8, 8)],
      ['strength', '0.5'],
      ['stream', 'False'],
      ['seed', ''],
      ['extra_body[num_inference_steps]', '7'],
      ['scheduler_config', '{"steps_offset":1}'],
    ] as const
    expect((await edit(server, entries)).status).toBe(200)
    expect(server.backend.requests[0]).toMatchObject({
      numInferenceSteps: 7,
      edit: { strength: 0.5 },
      diffusion: { schedulerConfig: { steps_offset: 1 } },
    })
  })

  it('varies a picture without a prompt', async () => {
    const server = await startTestServer()
    const response = await edit(
      server,
      [
        ['image', await makePng(8, 8)],
        ['n', '2'],
      ],
      '/v1/images/variations',
    )
    expect(response.status).toBe(200)
    const { data } = await readJson(response)
    expect(data).toHaveLength(2)
    expect((await lookAt(fromBase64(data[1].b64_json))).format).toBe('png')
    const t2i = await startTestServer({ abilities: { edit: false } })
    expect((await edit(t2i, [['image', await makePng(8, 8)]], '/v1/images/variations')).status).toBe(400)
  })

  it('answers torn forms with 400', async () => {
    const server = await startTestServer()
    for (const [type, body] of [
      ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nabc'],
      ['multipart/form-data; boundary=x', ''],
      ['multipart/form-data; boundary=x', 'garbage'],
      ['multipart/form-data', '--x\r\n'],
    ] as const) {
      const response = await fetch(`${server.url}/v1/images/edits`, { method: 'POST', headers: { 'content-type': type }, body })
      expect([400, 422]).toContain(response.status)
    }
  })
})
