import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fetchHubFile, parseHubFileName } from '../../../src/models/hub/fetch-file.ts'
import type { HubSettings } from '../../../src/models/hub/hub-settings.ts'
import type { PullEvent } from '../../../src/models/hub/pull-event.ts'
import { type FakeHub, startFakeHub } from './fake-hub.ts'
import { settingsFor } from './hub-settings.ts'

const COMMIT = 'c'.repeat(40)
const WEIGHTS = Buffer.from(Array.from({ length: 5000 }, (_, place) => (place * 7) % 251))
const options = { signal: new AbortController().signal, retryDelay: 1 }
let hub: FakeHub
let settings: HubSettings
let cache: string

beforeEach(async () => {
  hub = await startFakeHub({
    'acme/fox-lora': { commit: COMMIT, files: { 'fox.safetensors': WEIGHTS, 'README.md': Buffer.from('a fox') } },
  })
  settings = settingsFor(hub.endpoint)
  cache = join(settings.hfHome!, 'hub', 'models--acme--fox-lora')
})
afterEach(() => hub[Symbol.asyncDispose]())

const contentRequests = () => hub.requests.filter(({ host }) => host === 'cdn')

describe('A file of the hub', () => {
  it('comes into the cache in the layout of the Python library', async () => {
    const path = await fetchHubFile('acme/fox-lora', settings, options)
    expect(path).toBe(join(cache, 'snapshots', COMMIT, 'fox.safetensors'))
    expect(readFileSync(path)).toEqual(WEIGHTS)
    expect(readlinkSync(path)).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/)
    expect(readFileSync(join(cache, 'refs', 'main'), 'utf8')).toBe(COMMIT)
    expect(readdirSync(join(cache, 'blobs'))).toHaveLength(1)
  })

  it('is taken from the cache without a word to the hub once it is there', async () => {
    const path = await fetchHubFile('acme/fox-lora', settings, options)
    const { length } = hub.requests
    expect(await fetchHubFile('acme/fox-lora/fox.safetensors', { ...settings, hfHubOffline: true }, options)).toBe(path)
    expect(await fetchHubFile('acme/fox-lora@main', settings, options)).toBe(path)
    expect(hub.requests).toHaveLength(length)
  })

  it('is found under a tag, a commit and in a folder', async () => {
    hub.repositories.get('acme/fox-lora')!.files['loras/hare.safetensors'] = WEIGHTS.subarray(9)
    const byTag = await fetchHubFile('acme/fox-lora@v1/loras/hare.safetensors', settings, options)
    expect(readFileSync(byTag)).toEqual(WEIGHTS.subarray(9))
    expect(readlinkSync(byTag)).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//)
    expect(await fetchHubFile(`acme/fox-lora@${COMMIT}/loras/hare.safetensors`, settings, options)).toBe(byTag)
    expect(readdirSync(join(cache, 'refs'))).toEqual(['v1'])
  })

  it('brings the configuration of a PEFT adapter along', async () => {
    Object.assign(hub.repositories.get('acme/fox-lora')!.files, {
      'adapter_model.safetensors': WEIGHTS.subarray(1),
      'adapter_config.json': Buffer.from('{"lora_alpha":8}'),
    })
    const path = await fetchHubFile('acme/fox-lora', settings, options)
    expect(path).toMatch(/adapter_model\.safetensors$/)
    expect(existsSync(join(path, '..', 'adapter_config.json'))).toBe(true)
  })

  it('sends the token to the hub and not to where the hub redirects', async () => {
    await fetchHubFile('acme/fox-lora', { ...settings, hfToken: 'hf_secret' }, options)
    const sent = hub.requests.map(({ host, authorization }) => [host, authorization])
    expect(sent.filter(([host]) => host === 'hub').every(([, token]) => token === 'Bearer hf_secret')).toBe(true)
    expect(sent.filter(([host]) => host === 'cdn')).toEqual([['cdn', undefined]])
  })

  it('uses the token that the Python login stored', async () => {
    writeFileSync(join(settings.hfHome!, 'token'), 'hf_stored\n')
    await fetchHubFile('acme/fox-lora', settings, options)
    expect(hub.requests[0]!.authorization).toBe('Bearer hf_stored')
  })

  it('goes on where a cut connection left it', async () => {
    hub.cuts.set('fox.safetensors', [1200, 800])
    const path = await fetchHubFile('acme/fox-lora', settings, options)
    expect(readFileSync(path)).toEqual(WEIGHTS)
    const ranges = contentRequests().map(({ range }) => range)
    expect(ranges).toHaveLength(3)
    expect(ranges[0]).toBeUndefined()
    // How much of the sent bytes arrived before the cut is the network's affair; what arrived is not asked for again.
    expect(ranges.slice(1).every((range) => range === undefined || /^bytes=\d+-$/.test(range))).toBe(true)
  })

  it('goes on where an earlier process left it', async () => {
    await fetchHubFile('acme/fox-lora', settings, options)
    const [blob] = readdirSync(join(cache, 'blobs'))
    const fresh = settingsFor(hub.endpoint)
    const blobs = join(fresh.hfHome!, 'hub', 'models--acme--fox-lora', 'blobs')
    mkdirSync(blobs, { recursive: true })
    writeFileSync(join(blobs, `${blob}.incomplete`), WEIGHTS.subarray(0, 3000))
    const events: PullEvent[] = []
    const path = await fetchHubFile('acme/fox-lora', fresh, { ...options, onEvent: (event) => events.push(event) })
    expect(readFileSync(path)).toEqual(WEIGHTS)
    expect(contentRequests().at(-1)!.range).toBe('bytes=3000-')
    expect(events[0]).toMatchObject({ phase: 'plan', totalBytes: 5000, missingBytes: 2000 })
    expect(events.at(-1)).toEqual({ phase: 'bytes', bytes: 5000, totalBytes: 5000 })
  })

  it('is fetched anew when what an earlier process left was spoiled', async () => {
    await fetchHubFile('acme/fox-lora', settings, options)
    const [blob] = readdirSync(join(cache, 'blobs'))
    const fresh = settingsFor(hub.endpoint)
    const blobs = join(fresh.hfHome!, 'hub', 'models--acme--fox-lora', 'blobs')
    mkdirSync(blobs, { recursive: true })
    writeFileSync(join(blobs, `${blob}.incomplete`), Buffer.alloc(3000))
    expect(readFileSync(await fetchHubFile('acme/fox-lora', fresh, options))).toEqual(WEIGHTS)
  })

  it('is found on a later page of a long listing', async () => {
    hub.pageSize = 1
    expect(readFileSync(await fetchHubFile('acme/fox-lora', settings, options))).toEqual(WEIGHTS)
  })

  it('is asked for again where the hub is busy or has a fault that may pass', async () => {
    hub.faults.push(503, 429)
    expect(readFileSync(await fetchHubFile('acme/fox-lora', settings, options))).toEqual(WEIGHTS)
  })

  it('is refused when its content stays another than the listed one', async () => {
    hub.spoiled.set('fox.safetensors', 9)
    await expect(fetchHubFile('acme/fox-lora', settings, options)).rejects.toMatchObject({
      code: 'upstream_unavailable',
      message: expect.stringMatching(/fox\.safetensors of acme\/fox-lora came twice with another content/),
    })
    expect(existsSync(join(cache, 'snapshots', COMMIT))).toBe(false)
  })

  it('has to be named where there are several', async () => {
    hub.repositories.get('acme/fox-lora')!.files['hare.safetensors'] = WEIGHTS.subarray(1)
    await expect(fetchHubFile('acme/fox-lora', settings, options)).rejects.toThrow(
      'name one as acme/fox-lora/FILE: fox.safetensors, hare.safetensors.',
    )
  })
})

describe('What cannot be fetched', () => {
  it.each([
    [401, 'GatedRepo', /gated: accept its conditions on http:\S+\/acme\/fox-lora and set HF_TOKEN/],
    [403, 'GatedRepo', /gated: accept its conditions/],
    [401, undefined, /does not exist, is private or is gated; check the name, or accept its conditions on \S+\/acme\/fox-lora/],
  ])('status %d %s tells which page to accept', async (status, code, sentence) => {
    hub.repositories.get('acme/fox-lora')!.refusal = code === undefined ? { status } : { status, code }
    const failure = fetchHubFile('acme/fox-lora', settings, options)
    await expect(failure).rejects.toMatchObject({ code: 'upstream_authentication', message: expect.stringMatching(sentence) })
  })

  it.each([
    ['acme/nothing', 'upstream_authentication', /does not give out acme\/nothing/],
    ['acme/fox-lora@v9', 'model_not_found', /no model acme\/fox-lora at revision v9/],
    ['acme/fox-lora/hare.safetensors', 'model_not_found', /has no file hare\.safetensors/],
  ])('%s is told in one sentence', async (name, code, sentence) => {
    const failure = fetchHubFile(name, settings, options)
    await expect(failure).rejects.toMatchObject({ code, message: expect.stringMatching(sentence) })
  })

  it('a hub that cannot be reached is named', async () => {
    const gone = hub.endpoint
    await hub[Symbol.asyncDispose]()
    hub = await startFakeHub()
    await expect(fetchHubFile('acme/fox-lora', { ...settings, hfEndpoint: gone }, options)).rejects.toMatchObject({
      code: 'upstream_unreachable',
      message: expect.stringContaining(`cannot be reached at ${gone}`),
    })
  })

  it('nothing is asked for under HF_HUB_OFFLINE', async () => {
    await expect(fetchHubFile('acme/fox-lora', { ...settings, hfHubOffline: true }, options)).rejects.toMatchObject({
      code: 'model_not_found',
      message: 'acme/fox-lora is not in the hub cache, and HF_HUB_OFFLINE forbids to download it.',
    })
    expect(hub.requests).toEqual([])
  })

  it('more than the disk can hold is refused before anything comes', async () => {
    const lfs = { oid: 'd'.repeat(64), size: 9e15 }
    hub.repositories.get('acme/fox-lora')!.listed = [
      { type: 'file', path: 'whale.safetensors', oid: 'd'.repeat(40), size: 1, lfs },
    ]
    const failure = fetchHubFile('acme/fox-lora/whale.safetensors', settings, options)
    await expect(failure).rejects.toMatchObject({ code: 'disk_full', message: expect.stringMatching(/needs 9000000\.0 GB more/) })
    expect(contentRequests()).toEqual([])
  })

  it.each(['../../evil.safetensors', '/etc/evil.safetensors', 'a//b', 'C:\\evil.safetensors', 'C:/evil', 'a/./b', 'nul\0.json'])(
    'a listing with the path %j is refused as a whole',
    async (path) => {
      hub.repositories.get('acme/fox-lora')!.listed = [{ type: 'file', path, oid: 'd'.repeat(40), size: 3 }]
      await expect(fetchHubFile('acme/fox-lora', settings, options)).rejects.toMatchObject({ code: 'model_unreadable' })
      expect(existsSync(cache)).toBe(false)
    },
  )

  it.each(['fox', 'a/b/c.bin', 'a/../c.safetensors', 'a/b/../../c.safetensors', '/a/b', 'a/b@..', ''])(
    '%j names no file of the hub',
    (name) => {
      expect(parseHubFileName(name)).toBeUndefined()
    },
  )

  it('ends when it is cancelled', async () => {
    const controller = new AbortController()
    const onEvent = (event: PullEvent) => {
      if (event.phase === 'plan') controller.abort()
    }
    await expect(fetchHubFile('acme/fox-lora', settings, { signal: controller.signal, onEvent })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})
