import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BATCH_SETTINGS, withDefaults } from '../../src/config/settings.ts'
import type { ImageRequest } from '../../src/contract/index.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { createPromptEnhancer, type EnhancerSettings } from '../../src/prompt-enhancement/prompt-enhancer.ts'
import { type FakeUpstream, type Reply, startUpstream } from '../backends/support/fake-upstream.ts'
import { drawPicture, toBase64 } from '../backends/support/pictures.ts'

const KEY = 'sk-enhancer-0123456789'
const signal = new AbortController().signal
let upstream: FakeUpstream
let replies: Reply[]

beforeEach(async () => {
  replies = []
  upstream = await startUpstream((_, place) => replies[place] ?? answered('A red fox in deep snow.'))
})

afterEach(() => upstream[Symbol.asyncDispose]())

function answered(content: unknown, more: Record<string, unknown> = {}): Reply {
  const message = { role: 'assistant', content }
  return { json: { id: 'c', object: 'chat.completion', choices: [{ index: 0, finish_reason: 'stop', message, ...more }] } }
}

async function enhance(request: Partial<ImageRequest> = {}, settings: Partial<EnhancerSettings> = {}): Promise<string> {
  const values = {
    promptEnhanceType: 'flux2',
    promptEnhancerApiBase: `${upstream.url}/v1`,
    promptEnhancerApiKey: KEY,
    retryDelay: 0,
    ...settings,
  } as const
  await using enhancer = createPromptEnhancer(withDefaults(BATCH_SETTINGS, values))
  return await enhancer!.enhance({ prompt: 'a fox', numImages: 1, ...request }, signal)
}

type Message = { role: string; content: string | { type: string; text?: string; image_url?: { url: string } }[] }
const sentMessages = (place = 0) => upstream.requests[place]?.json()['messages'] as Message[]

describe('prompt enhancement', () => {
  it('asks the chat endpoint with the model and temperature of the settings', async () => {
    expect(await enhance({}, { promptEnhancerModel: 'my-chat' })).toBe('A red fox in deep snow.')
    const [wire] = upstream.requests
    expect(wire?.path).toBe('/v1/chat/completions')
    expect(wire?.headers.authorization).toBe(`Bearer ${KEY}`)
    expect(wire?.json()).toMatchObject({ model: 'my-chat', temperature: 0.15 })
    expect(sentMessages().map(({ role }) => role)).toEqual(['system', 'user'])
    expect(sentMessages()[1]?.content).toBe('a fox')
  })

  it('tells the chat model something else for each type', async () => {
    await enhance({}, { promptEnhanceType: 'qwen_image_edit' })
    await enhance({}, { promptEnhanceType: 'glm_image' })
    await enhance({}, { promptEnhanceType: 'flux2' })
    const told = [0, 1, 2].map((place) => sentMessages(place)[0]?.content)
    expect(new Set(told).size).toBe(3)
  })

  it('shows the source pictures, small ones as they are', async () => {
    const images = [await drawPicture('png'), await drawPicture('webp')]
    await enhance({ edit: { images } }, { promptEnhanceType: 'qwen_image_edit' })
    expect(sentMessages()[1]?.content).toEqual([
      { type: 'image_url', image_url: { url: `data:image/png;base64,${toBase64(images[0]!)}` } },
      { type: 'image_url', image_url: { url: `data:image/webp;base64,${toBase64(images[1]!)}` } },
      { type: 'text', text: 'a fox' },
    ])
  })

  it('shows large pictures smaller, and uncommon ones as JPEG', async () => {
    const images = [await drawPicture('png', { width: 3072, height: 1024 }), await drawPicture('avif')]
    await enhance({ edit: { images } })
    const parts = sentMessages()[1]?.content as { image_url?: { url: string } }[]
    const sizes = await Promise.all(
      parts.slice(0, 2).map(async (part) => {
        const [head, base64] = part.image_url!.url.split(',') as [string, string]
        const { picture } = await decodePicture(Buffer.from(base64, 'base64'))
        return [head, picture.width, picture.height]
      }),
    )
    expect(sizes).toEqual([
      ['data:image/jpeg;base64', 1536, 512],
      ['data:image/jpeg;base64', 8, 8],
    ])
  })

  it.each([
    ['a code fence', '```text\nA fox.\n```', 'A fox.'],
    ['quotation marks', '"A fox."', 'A fox.'],
    ['thoughts', '<think>Hm.\nA fox?</think>\n\nA fox.', 'A fox.'],
    [
      'parts',
      [
        { type: 'text', text: 'A ' },
        { type: 'text', text: 'fox.' },
      ],
      'A fox.',
    ],
    ['quoted words at both ends', '"Stop" it says, and "Go"', '"Stop" it says, and "Go"'],
  ])('reads a prompt in %s', async (_, content, prompt) => {
    replies = [answered(content)]
    expect(await enhance()).toBe(prompt)
  })

  it.each([
    ['is refused', answered(null, { finish_reason: 'content_filter' }), 1, 'content_policy'],
    ['has a wrong key', { status: 401, json: { error: { message: 'No.' } } } as Reply, 1, 'upstream_authentication'],
    ['is not answered', 'reset' as Reply, 1, 'upstream_ambiguous'],
    ['stays empty', answered('  '), 3, 'empty_answer'],
    ['is cut off', answered('A fo', { finish_reason: 'length' }), 3, 'empty_answer'],
    ['meets a broken server', { status: 500, text: 'no' } as Reply, 3, 'upstream_unavailable'],
  ])('fails when it %s', async (_, reply, requests, code) => {
    replies = [reply, reply, reply]
    await expect(enhance()).rejects.toMatchObject({ code, message: expect.not.stringContaining(KEY) })
    expect(upstream.requests).toHaveLength(requests)
  })

  it('tries passing faults again', async () => {
    replies = [{ status: 503, text: 'busy' }]
    expect(await enhance()).toBe('A red fox in deep snow.')
    expect(upstream.requests).toHaveLength(2)
  })

  it('is not opened when the settings do not ask for it, nor without a key for the hosted API', () => {
    expect(createPromptEnhancer(withDefaults(BATCH_SETTINGS))).toBeUndefined()
    expect(() => createPromptEnhancer(withDefaults(BATCH_SETTINGS, { promptEnhanceType: 'flux2' }))).toThrow(
      expect.objectContaining({ code: 'invalid_configuration', message: expect.stringContaining('DG_PROMPT_ENHANCER_API_KEY') }),
    )
  })

  it('never takes the key of another server for the chat endpoint', async () => {
    await enhance({}, { promptEnhancerApiKey: undefined, openaiApiKey: 'sk-openai' })
    expect(upstream.requests[0]?.headers.authorization).toBeUndefined()
  })

  it('writes each exchange into the debug folder, without key and pictures', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'enhancer-'))
    try {
      const images = [await drawPicture()]
      await enhance({ edit: { images } }, { promptEnhancerDebug: true, promptEnhancerDebugDir: folder })
      const [name] = await readdir(folder)
      const text = await readFile(join(folder, name!), 'utf8')
      expect(text).not.toContain(KEY)
      expect(JSON.parse(text)).toMatchObject({
        type: 'flux2',
        original: 'a fox',
        prompt: 'A red fox in deep snow.',
        pictures: [`${images[0]!.length} bytes`],
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
