import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startFakeHub } from '../models/hub/fake-hub.ts'
import { type Json, readJson, startTestServer, type TestServer } from './test-server.ts'

/** A folder that ends with the test. */
async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'loras-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** A safetensors file without tensors. */
function makeLora(metadata: Record<string, string> = {}): Buffer {
  const head = Buffer.from(JSON.stringify({ __metadata__: metadata }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(head.byteLength))
  return Buffer.concat([length, head])
}

/** Nothing listens on the first port of any machine. */
const NOBODY = 'http://127.0.0.1:1'

async function add(server: TestServer, name: string, method = 'POST'): Promise<[status: number, body: Json]> {
  const response = await fetch(`${server.url}/add_new_lora?${new URLSearchParams({ name })}`, { method })
  return [response.status, await readJson(response)]
}

const list = async (server: TestServer): Promise<Json> => await readJson(await fetch(`${server.url}/get_available_loras`))

const draw = async (server: TestServer, lora: string) =>
  await fetch(`${server.url}/post_config?${new URLSearchParams({ lora })}`, { method: 'POST' })

/** Civitai with two LoRAs: number 7 for SD 1.5, number 8 for a model that the origin does not know. */
async function startCivitai(weights: Buffer, listedDigest = createHash('sha256').update(weights).digest('hex')) {
  const requests: { path: string; key: string | undefined }[] = []
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x')
    requests.push({ path: request.url ?? '', key: request.headers.authorization })
    const model = (id: number, baseModel: string) => ({
      id,
      name: 'Ink Style (水墨)',
      type: 'LORA',
      allowNoCredit: false,
      allowCommercialUse: ['Image', 'Rent'],
      modelVersions: [
        {
          baseModel,
          trainedWords: ['ink drawing'],
          files: [
            { name: 'preview.zip', downloadUrl: `${address}/files/preview.zip` },
            {
              name: 'ink.safetensors',
              primary: true,
              downloadUrl: `${address}/files/ink`,
              hashes: { SHA256: listedDigest.toUpperCase() },
            },
          ],
        },
      ],
    })
    const send = (value: unknown, status = 200) => response.writeHead(status).end(JSON.stringify(value))
    if (pathname === '/api/v1/models/7') send(model(7, 'SD 1.5'))
    else if (pathname === '/api/v1/models/8') send(model(8, 'Pony'))
    else if (pathname === '/api/v1/models') send({ items: searchParams.get('query') === 'ink style' ? [model(7, 'SD 1.5')] : [] })
    else if (pathname === '/files/ink') response.writeHead(302, { location: '/storage/ink' }).end()
    else if (pathname === '/storage/ink') response.end(weights)
    else send({ error: 'none' }, 404)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { address, requests }
}

describe('Stable Diffusion API: LoRAs of the folder', () => {
  it('lists the files, draws with them, and ignores unknown names', async () => {
    const folder = await makeFolder()
    const tags = JSON.stringify({ '10_ink': { 'ink drawing': 9, line: 3 } })
    await writeFile(join(folder, 'Ink Style.safetensors'), makeLora({ ss_base_model_version: 'sd_v1', ss_tag_frequency: tags }))
    const server = await startTestServer({ settings: { loraDir: folder } })
    expect(await list(server)).toEqual({
      ink_style: {
        model_id: 'Ink Style.safetensors',
        base_model: 'sd_v1',
        lora_path: 'Ink Style.safetensors',
        'trigger words': ['ink drawing', 'line'],
        allow_no_mention: true,
        usage_rights: '',
      },
    })
    await draw(server, 'ink_style')
    expect(server.backend.requests[0]!.diffusion!.loras).toEqual([{ path: join(folder, 'Ink Style.safetensors'), weight: 1 }])
    expect((await draw(server, 'nope')).status).toBe(200)
    expect(server.backend.requests[1]!.diffusion).toBeUndefined()
    expect(await add(server, 'Ink Style')).toEqual([200, ''])
  })
})

describe('Stable Diffusion API: LoRAs of the hub', () => {
  it('downloads them with either verb, and draws with them', async () => {
    const commit = 'c'.repeat(40)
    await using hub = await startFakeHub({ 'acme/ink': { commit, files: { 'ink.safetensors': makeLora() } } })
    const hfHubCache = await makeFolder()
    const server = await startTestServer({ settings: { hfHubCache, hfEndpoint: hub.endpoint } })
    expect(await add(server, 'acme/ink')).toEqual([200, 'added acmeink from the hub'])
    expect(await add(server, 'acme/ink', 'GET')).toEqual([200, ''])
    expect(Object.keys(await list(server))).toEqual(['acmeink'])
    await draw(server, 'acmeink')
    const [lora] = server.backend.requests[0]!.diffusion!.loras!
    expect(await readFile(lora!.path)).toEqual(makeLora())
    const [status, { detail }] = await add(server, 'acme/none')
    expect([status, detail]).toEqual([502, expect.stringContaining('something did go wrong with model acme/none!')])
  })

  it('says that the hub cannot be reached', async () => {
    const server = await startTestServer({ settings: { hfHubCache: await makeFolder(), hfEndpoint: NOBODY } })
    const [status, { detail }] = await add(server, 'acme/ink')
    expect([status, detail]).toEqual([502, expect.stringMatching(/model acme\/ink! The hub cannot be reached/)])
    for (const name of ['../../etc/passwd', '/etc/passwd']) {
      expect(await add(server, name)).toEqual([400, { detail: expect.any(String) }])
    }
  })
})

describe('Stable Diffusion API: LoRAs of Civitai', () => {
  it('downloads one by its number, once, and keeps what is known of it', async () => {
    const weights = makeLora({ made: 'here' })
    const civitai = await startCivitai(weights)
    const folder = await makeFolder()
    const settings = { loraDir: folder, civitaiEndpoint: civitai.address, civitaiToken: 'key' }
    const server = await startTestServer({ settings })
    expect(await add(server, '7')).toEqual([200, expect.stringContaining('ink_style')])
    expect((await readdir(folder)).sort()).toEqual(['ink_style_.notes.json', 'ink_style_.safetensors'])
    expect(await readFile(join(folder, 'ink_style_.safetensors'))).toEqual(weights)
    expect(civitai.requests.map(({ path }) => path)).toEqual(['/api/v1/models/7', '/files/ink', '/storage/ink'])
    expect(civitai.requests[0]!.key).toBe('Bearer key')
    expect(await add(server, '7')).toEqual([200, ''])
    expect(await add(server, 'ink style')).toEqual([200, ''])
    expect(civitai.requests.filter(({ path }) => path.startsWith('/storage'))).toHaveLength(1)
    const later = await startTestServer({ settings: { loraDir: folder } })
    expect(await list(later)).toEqual({
      ink_style_: {
        model_id: '7',
        base_model: 'SD 1.5',
        lora_path: 'ink_style_.safetensors',
        'trigger words': ['ink drawing'],
        allow_no_mention: false,
        usage_rights: 'Image, Rent',
      },
    })
  })

  it('searches for anything else', async () => {
    const civitai = await startCivitai(makeLora())
    const server = await startTestServer({ settings: { loraDir: await makeFolder(), civitaiEndpoint: civitai.address } })
    expect(await add(server, 'ink style')).toEqual([200, expect.stringContaining('added')])
    expect(await add(server, 'nothing like it')).toEqual([200, 'something did go wrong with model nothing like it!'])
  })

  it('says what went wrong', async () => {
    const weights = makeLora()
    const civitai = await startCivitai(weights, '0'.repeat(64))
    const folder = await makeFolder()
    const server = await startTestServer({ settings: { loraDir: folder, civitaiEndpoint: civitai.address } })
    expect(await add(server, '8')).toEqual([200, 'something did go wrong with model 8!'])
    expect(await add(server, '9')).toEqual([200, 'something did go wrong with model 9!'])
    expect(await add(server, '7')).toEqual([502, { detail: expect.stringContaining('another content') }])
    expect(await readdir(folder)).toEqual([])
    const cut = await startTestServer({ settings: { loraDir: folder, civitaiEndpoint: NOBODY } })
    expect(await add(cut, '7')).toEqual([
      502,
      { detail: expect.stringMatching(/something did go wrong with model 7! Civitai cannot be reached/) },
    ])
    const homeless = await startTestServer({ settings: { civitaiEndpoint: NOBODY } })
    expect(await add(homeless, '7')).toEqual([400, { detail: expect.stringContaining('--lora_dir') }])
  })

  it('wants a name', async () => {
    const server = await startTestServer()
    const response = await fetch(`${server.url}/add_new_lora`)
    expect([response.status, (await readJson(response)).detail[0].loc]).toEqual([422, ['query', 'name']])
  })
})
