import { DiffgentorError } from '../../errors.ts'
import type { HubId } from '../hub-cache.ts'
import { type HubFile, readListing } from './hub-file.ts'
import { describeRefusal } from './hub-refusals.ts'
import { type HubSettings, readToken } from './hub-settings.ts'
import { type HubResponse, HubTransport } from './hub-transport.ts'

const COMMIT_FORM = /^[0-9a-f]{40}$/
/** A listing has up to 1000 files a page. */
const MAX_PAGES = 100
/** Milliseconds before the second try of a request. */
const RETRY_DELAY = 500

export interface HubClientOptions {
  settings: HubSettings
  signal: AbortSignal
  /** Milliseconds before the second try of a request; doubles from try to try. Default 500. */
  retryDelay?: number | undefined
}

/** One repository on the hub, at the commit that its revision stood for when it was opened. */
export class HubClient implements AsyncDisposable {
  readonly id: HubId
  readonly #endpoint: URL
  readonly #hasToken: boolean
  readonly #transport: HubTransport
  #commit = ''

  private constructor(id: HubId, endpoint: URL, token: string | undefined, { signal, retryDelay }: HubClientOptions) {
    this.id = id
    this.#endpoint = endpoint
    this.#hasToken = token !== undefined
    this.#transport = new HubTransport({ endpoint, token, signal, retryDelay: retryDelay ?? RETRY_DELAY })
  }

  /** Asks the hub for the commit of a revision. Rejects with one sentence for what is missing, gated or out of reach. */
  static async open(id: HubId, options: HubClientOptions): Promise<HubClient> {
    const { hfEndpoint } = options.settings
    const client = new HubClient(id, readEndpoint(hfEndpoint), await readToken(options.settings), options)
    try {
      client.#commit = await client.#resolveCommit()
      return client
    } catch (error) {
      await client[Symbol.asyncDispose]()
      throw error
    }
  }

  get commit(): string {
    return this.#commit
  }

  /** Every file of the commit. */
  async listFiles(): Promise<HubFile[]> {
    const files: HubFile[] = []
    let next: URL | undefined = this.#address(`api/models/${this.id.repository}/tree/${this.#commit}?recursive=true`)
    for (let page = 0; next !== undefined && page < MAX_PAGES; page++) {
      const response: HubResponse = await this.#expect(next)
      files.push(...readListing(this.id.repository, await readJson(response)))
      next = readNextPage(response, next)
    }
    return files
  }

  /** The content of a file from byte `start` on. The answer begins at 0 where the server does not give parts. */
  async openFile(path: string, start: number): Promise<{ start: number; body: HubResponse['body'] }> {
    const name = path.split('/').map(encodeURIComponent).join('/')
    const address = this.#address(`${this.id.repository}/resolve/${this.#commit}/${name}`)
    const response = await this.#expect(address, { path, headers: start > 0 ? { range: `bytes=${start}-` } : {} })
    return { start: response.statusCode === 206 ? readRangeStart(response, start) : 0, body: response.body }
  }

  /** The text of a small file. */
  async readText(path: string): Promise<string> {
    const { body } = await this.openFile(path, 0)
    return await body.text()
  }

  /** Waits before a file is asked for again. */
  async pause(tries: number): Promise<void> {
    await this.#transport.pause(tries)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#transport[Symbol.asyncDispose]()
  }

  async #resolveCommit(): Promise<string> {
    const { repository, revision = 'main' } = this.id
    const response = await this.#expect(this.#address(`api/models/${repository}/revision/${encodeURIComponent(revision)}`))
    const { sha } = ((await readJson(response)) ?? {}) as { sha?: unknown }
    if (typeof sha === 'string' && COMMIT_FORM.test(sha)) return sha
    throw new DiffgentorError(
      'upstream_unavailable',
      `${this.#endpoint.host} does not tell a commit for ${repository}; is HF_ENDPOINT a model hub?`,
    )
  }

  async #expect(
    address: URL,
    { path, headers }: { path?: string; headers?: Readonly<Record<string, string>> } = {},
  ): Promise<HubResponse> {
    const response = await this.#transport.get(address, headers)
    if (response.statusCode >= 200 && response.statusCode < 300) return response
    await response.body.dump()
    throw describeRefusal(response, { id: this.id, endpoint: this.#endpoint, hasToken: this.#hasToken, path })
  }

  #address(path: string): URL {
    return new URL(path, this.#endpoint)
  }
}

/** A mirror may lie below a path of its host, so the address ends with a slash. */
function readEndpoint(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new DiffgentorError('invalid_configuration', `HF_ENDPOINT must be an http or https address, got ${address}.`, {
      field: 'hf_endpoint',
    })
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

async function readJson(response: HubResponse): Promise<unknown> {
  const text = await response.body.text()
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The address in `Link: <…>; rel="next"`. */
function readNextPage({ headers }: HubResponse, current: URL): URL | undefined {
  const target = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(headers['link'] ?? ''))?.[1]
  return target !== undefined && URL.canParse(target, current.href) ? new URL(target, current) : undefined
}

function readRangeStart({ headers }: HubResponse, asked: number): number {
  const told = /^bytes (\d+)-/.exec(String(headers['content-range'] ?? ''))?.[1]
  return told === undefined ? asked : Number(told)
}
