import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import OpenAI, { APIError, AzureOpenAI, InternalServerError, RateLimitError, toFile } from 'openai'
import { describe, expect, it, onTestFinished } from 'vitest'
import { lookAt, makePng } from './pictures.ts'
import { fromBase64, startTestServer, type TestServer } from './test-server.ts'

function openaiClient(server: TestServer, options: { apiKey?: string; maxRetries?: number } = {}): OpenAI {
  return new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'any', ...options })
}

describe('the openai SDK for Node', () => {
  it('case 13: generates', async () => {
    const server = await startTestServer()
    const result = await openaiClient(server).images.generate({ prompt: 'x', n: 2, size: '256x256' as never })
    expect(result._request_id).toMatch(/^req_/)
    expect(result.data).toHaveLength(2)
    expect(await lookAt(fromBase64(result.data![1]!.b64_json!))).toEqual({ width: 256, height: 256, format: 'png' })
  })

  it('case 15: sees a failure once', async () => {
    const server = await startTestServer()
    const failure = openaiClient(server).images.generate({ prompt: '[fail:internal]' })
    await expect(failure).rejects.toThrow(InternalServerError)
    await expect(failure).rejects.toThrow('asked the fake backend to fail')
    expect(server.backend.requests).toHaveLength(1)
  })

  it('case 16: gets a typed error when the queue is full', async () => {
    const server = await startTestServer({ settings: { maxQueue: 0 } })
    server.backend.hold()
    const started = server.backend.nextStart()
    void openaiClient(server)
      .images.generate({ prompt: 'x' })
      .catch(() => undefined)
    await started
    const refused = openaiClient(server, { maxRetries: 0 }).images.generate({ prompt: 'x' })
    await expect(refused).rejects.toThrow(RateLimitError)
    await expect(refused).rejects.toMatchObject({ code: 'queue_full', status: 429 })
  })

  it('case 18: streams previews and the picture', async () => {
    const server = await startTestServer()
    const stream = await openaiClient(server).images.generate({ prompt: 'x', stream: true, partial_images: 2 })
    const types: string[] = []
    for await (const event of stream) types.push(event.type)
    expect(types).toEqual(['image_generation.partial_image', 'image_generation.partial_image', 'image_generation.completed'])
  })

  it('case 20: throws when a stream fails', async () => {
    const server = await startTestServer()
    const stream = await openaiClient(server).images.generate({ prompt: '[fail:nan_output]', stream: true })
    const read = async () => {
      for await (const _ of stream);
    }
    await expect(read()).rejects.toThrow(APIError)
  })

  it('case 22: edits several pictures in order', async () => {
    const server = await startTestServer()
    const [red, blue] = [await makePng(16, 16, 'red'), await makePng(16, 16, 'blue')]
    const image = [await toFile(red, 'red.png'), await toFile(blue, 'blue.png')]
    await openaiClient(server).images.edit({ prompt: 'x', image })
    expect(server.backend.requests[0]!.edit!.images.map((bytes) => Buffer.from(bytes))).toEqual([red, blue])
  })

  it('case 23: edits from a stream that comes in chunks, without length and type', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diffgentor-client-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const png = await makePng(200, 100)
    await writeFile(join(folder, 'picture'), png)
    const server = await startTestServer()
    const result = await openaiClient(server).images.edit({ prompt: 'x', image: createReadStream(join(folder, 'picture')) })
    expect(result.data).toHaveLength(1)
    expect(Buffer.from(server.backend.requests[0]!.edit!.images[0]!)).toEqual(png)
  })

  it('varies, lists and retrieves', async () => {
    const server = await startTestServer()
    const client = openaiClient(server)
    const varied = await client.images.createVariation({ image: await toFile(await makePng(8, 8), 'a.png'), n: 2 })
    expect(varied.data).toHaveLength(2)
    const ids: string[] = []
    for await (const model of client.models.list()) ids.push(model.id)
    expect(ids).toEqual(['acme/fake-1'])
    expect((await client.models.retrieve('acme/fake-1')).id).toBe('acme/fake-1')
    await expect(client.models.retrieve('none')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  })

  it('chats, with its parameters flattened', async () => {
    const server = await startTestServer()
    const parameters = { num_outputs_per_prompt: 2, size: '32x32' }
    const completion = await openaiClient(server).chat.completions.create({
      model: 'fake-1',
      messages: [{ role: 'user', content: 'a red apple' }],
      ...parameters,
    })
    const parts = completion.choices[0]!.message.content as unknown as { image_url: { url: string } }[]
    expect(parts).toHaveLength(2)
    expect(parts[0]!.image_url.url).toMatch(/^data:image\/png;base64,/)
  })

  it('stops the work when it gives up', async () => {
    const server = await startTestServer()
    server.backend.hold()
    const started = server.backend.nextStart()
    const leaving = new AbortController()
    const pending = openaiClient(server).images.generate({ prompt: 'x' }, { signal: leaving.signal })
    const failure = expect(pending).rejects.toThrow()
    await started
    leaving.abort()
    await failure
    await expect.poll(() => server.backend.aborted).toBe(1)
  })
})

describe('the openai SDK’s client for Azure', () => {
  it('draws and edits with the model that it names in the path', async () => {
    const server = await startTestServer({ settings: { modelName: ['acme/one', 'two'], apiKey: ['secret'] } })
    const options = { endpoint: server.url, apiKey: 'secret', apiVersion: '2025-04-01-preview' }
    const client = new AzureOpenAI(options)
    const seeded = { prompt: 'x', ...{ seed: 5 } }
    const drawn = await client.images.generate({ ...seeded, model: 'two' })
    const one = await openaiClient(server, { apiKey: 'secret' }).images.generate({ ...seeded, model: 'one' })
    const two = await openaiClient(server, { apiKey: 'secret' }).images.generate({ ...seeded, model: 'two' })
    expect([drawn.data![0]!.b64_json === one.data![0]!.b64_json, drawn.data![0]!.b64_json]).toEqual([
      false,
      two.data![0]!.b64_json,
    ])
    const image = await toFile(await makePng(24, 24), 'a.png')
    const edited = await new AzureOpenAI({ ...options, deployment: 'two' }).images.edit({ ...seeded, image })
    expect(edited.data).toHaveLength(1)
    await expect(client.images.generate({ ...seeded, model: 'three' })).rejects.toMatchObject({ status: 404 })
  })
})

describe('the AI SDK’s provider for OpenAI-compatible servers', () => {
  const open = (server: TestServer) =>
    createOpenAICompatible({ name: 'diffgentor', baseURL: `${server.url}/v1` }).imageModel('fake-1')
  const call = {
    prompt: 'x',
    n: 1,
    size: '64x32',
    aspectRatio: undefined,
    seed: undefined,
    files: undefined,
    mask: undefined,
  } as const

  it('generates', async () => {
    const server = await startTestServer()
    const { images } = await open(server).doGenerate({ ...call, n: 2, providerOptions: { diffgentor: { seed: 5 } } })
    expect(images).toHaveLength(2)
    expect(await lookAt(fromBase64(images[0] as string))).toEqual({ width: 64, height: 32, format: 'png' })
  })

  it('edits', async () => {
    const server = await startTestServer()
    const png = await makePng(24, 24)
    const files = [{ type: 'file', mediaType: 'image/png', data: new Uint8Array(png) }] as const
    const { images } = await open(server).doGenerate({ ...call, files: [...files], providerOptions: {} })
    expect(images).toHaveLength(1)
    expect(Buffer.from(server.backend.requests[0]!.edit!.images[0]!)).toEqual(png)
  })
})
