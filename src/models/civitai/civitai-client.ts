import { createHash } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BackendSettings } from '../../config/settings.ts'
import { DiffgentorError } from '../../errors.ts'
import { type HubResponse, HubTransport } from '../hub/hub-transport.ts'
import { checkLoraHead } from '../list-loras.ts'
import { type CivitaiFile, type CivitaiLora, listOf, readCivitaiLora } from './civitai-lora.ts'

/** Where Civitai is asked, and as whom. */
export type CivitaiSettings = Pick<BackendSettings, 'civitaiEndpoint' | 'civitaiToken' | 'hfHubOffline'>

/** Milliseconds before the second try of a request. */
const RETRY_DELAY = 500
/** A LoRA is smaller. */
const MAX_BYTES = 8e9

/** Asks Civitai for LoRA files. */
export class CivitaiClient implements AsyncDisposable {
  readonly #endpoint: URL
  readonly #transport: HubTransport

  constructor({ civitaiEndpoint, civitaiToken, hfHubOffline }: CivitaiSettings, signal: AbortSignal) {
    this.#endpoint = readEndpoint(civitaiEndpoint)
    if (hfHubOffline) {
      throw new DiffgentorError('upstream_unreachable', 'HF_HUB_OFFLINE forbids downloads, so Civitai is not asked.')
    }
    this.#transport = new HubTransport({ endpoint: this.#endpoint, token: civitaiToken, retryDelay: RETRY_DELAY, signal })
  }

  /** The LoRA of a number; undefined when there is none, or only a model of another kind. */
  async findById(id: string): Promise<CivitaiLora | undefined> {
    const response = await this.#get(new URL(`api/v1/models/${id}`, this.#endpoint))
    if (response.statusCode !== 404) return readCivitaiLora(await this.#readJson(response))
    await response.body.dump()
    return undefined
  }

  /** The first LoRA that a search brings; undefined when it brings none. */
  async search(term: string): Promise<CivitaiLora | undefined> {
    const address = new URL('api/v1/models', this.#endpoint)
    address.search = new URLSearchParams({ query: term, types: 'LORA', limit: '1' }).toString()
    const answer = (await this.#readJson(await this.#get(address))) as { items?: unknown } | undefined
    return readCivitaiLora(listOf(answer?.items)[0])
  }

  /** Downloads a file to `target`, which it reaches only whole, with the digest that Civitai tells. */
  async download({ url, sha256 }: CivitaiFile, target: string): Promise<void> {
    const response = await this.#get(new URL(url, this.#endpoint))
    if (response.statusCode !== 200) throw await refuse(response, this.#endpoint)
    const part = `${target}.part`
    await mkdir(dirname(target), { recursive: true })
    try {
      const digest = await writeBody(response, part)
      if (sha256 !== undefined && digest !== sha256) {
        throw new DiffgentorError(
          'upstream_unavailable',
          'The file came with another content than Civitai lists; try again later.',
        )
      }
      await checkLoraHead(part)
      await rename(part, target)
    } finally {
      await rm(part, { force: true })
    }
  }

  async #get(address: URL): Promise<HubResponse> {
    try {
      return await this.#transport.get(address)
    } catch (error) {
      if (!(error instanceof DiffgentorError) || error.code !== 'upstream_unreachable') throw error
      const sentence = `Civitai cannot be reached at ${address.origin}; check the network, or put the file into the folder of LoRAs by hand.`
      throw new DiffgentorError('upstream_unreachable', sentence, { cause: error })
    }
  }

  async #readJson(response: HubResponse): Promise<unknown> {
    if (response.statusCode !== 200) throw await refuse(response, this.#endpoint)
    const text = await response.body.text()
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new DiffgentorError('upstream_unavailable', `${this.#endpoint.host} does not answer as Civitai does.`, { cause })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]()
  }
}

function readEndpoint(address: string): URL {
  const url = URL.canParse(address) ? new URL(address.endsWith('/') ? address : `${address}/`) : undefined
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url
  throw new DiffgentorError('invalid_configuration', `CIVITAI_ENDPOINT must be an http or https address, got ${address}.`, {
    field: 'civitai_endpoint',
  })
}

async function refuse(response: HubResponse, { host }: URL): Promise<DiffgentorError> {
  await response.body.dump()
  const { statusCode } = response
  if (statusCode === 401 || statusCode === 403) {
    return new DiffgentorError('upstream_authentication', `${host} gives this file to signed-in users only; set CIVITAI_TOKEN.`)
  }
  return new DiffgentorError('upstream_unavailable', `${host} answered with status ${statusCode}; try again later.`)
}

/** Writes an answer's body to a file and gives its SHA-256. */
async function writeBody({ body }: HubResponse, path: string): Promise<string> {
  const hash = createHash('sha256')
  let bytes = 0
  await using file = await open(path, 'w')
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) throw new DiffgentorError('upstream_unavailable', 'The file is too large to be a LoRA.')
    hash.update(chunk)
    await file.appendFile(chunk)
  }
  await file.sync()
  return hash.digest('hex')
}
