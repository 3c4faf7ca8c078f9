import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One repository of the fake hub. */
export interface FakeRepository {
  commit: string
  files: Record<string, Buffer>
  /** Refuses its files with this status and `X-Error-Code`. */
  refusal?: { status: number; code?: string }
  /** Further entries of the listing, as they are. */
  listed?: unknown[]
}

export interface FakeRequest {
  host: 'hub' | 'cdn'
  path: string
  authorization: string | undefined
  range: string | undefined
}

export interface FakeHub extends AsyncDisposable {
  /** What `HF_ENDPOINT` is set to. */
  endpoint: string
  requests: FakeRequest[]
  repositories: Map<string, FakeRepository>
  /** The next answers with a file's content, by path: end the connection after so many bytes. */
  cuts: Map<string, number[]>
  /** The next answer with a file's content, by path: send so many bytes and then nothing more. */
  stalls: Map<string, number>
  /** Paths whose content comes with a wrong byte at its end, so many times. */
  spoiled: Map<string, number>
  /** Statuses of the next answers, whatever is asked for. */
  faults: number[]
  /** Files on one page of a listing. */
  pageSize: number
  /** Files larger than this are large files: named by SHA-256 and sent from another host. */
  largeFrom: number
}

/** A model hub on loopback, with a second server for large files as the real one has. */
export async function startFakeHub(repositories: Record<string, FakeRepository> = {}): Promise<FakeHub> {
  const requests: FakeRequest[] = []
  const note = (host: FakeRequest['host'], request: IncomingMessage) => {
    const { authorization, range } = request.headers
    requests.push({ host, path: decodeURIComponent(request.url ?? ''), authorization, range })
  }
  const cdn = await listen((request, response) => {
    note('cdn', request)
    const [, name, path] = /^\/([^/]+\/[^/]+)\/(.+)$/.exec(decodeURIComponent(request.url ?? '')) ?? []
    sendContent(hub, hub.repositories.get(name!)!.files[path!]!, path!, request, response)
  })
  const server = await listen((request, response) => {
    note('hub', request)
    answer(hub, `http://127.0.0.1:${portOf(cdn)}`, request, response)
  })
  const hub: FakeHub = {
    endpoint: `http://127.0.0.1:${portOf(server)}`,
    requests,
    repositories: new Map(Object.entries(repositories)),
    cuts: new Map(),
    stalls: new Map(),
    spoiled: new Map(),
    faults: [],
    pageSize: 1000,
    largeFrom: 64,
    async [Symbol.asyncDispose]() {
      await Promise.all([server, cdn].map(close))
    },
  }
  return hub
}

function answer(hub: FakeHub, cdn: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', hub.endpoint)
  const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(pathname)
  const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(pathname)
  const name = (api ?? file)?.[1] ?? ''
  const repository = hub.repositories.get(name)
  const fault = hub.faults.shift()
  if (fault !== undefined) refuse(response, { status: fault })
  else if (!repository) refuse(response, { status: 401, code: 'RepoNotFound' })
  else if (api)
    answerApi(
      hub,
      repository,
      { pathname, kind: api[2]!, revision: decodeURIComponent(api[3]!), from: Number(searchParams.get('cursor')) },
      response,
    )
  else if (repository.refusal) refuse(response, repository.refusal)
  else {
    const path = decodeURIComponent(file?.[3] ?? '')
    const content = repository.files[path]
    if (!content || file?.[2] !== repository.commit) refuse(response, { status: 404, code: 'EntryNotFound' })
    else if (content.length < hub.largeFrom) sendContent(hub, content, path, request, response)
    else response.writeHead(302, { location: `${cdn}/${name}/${path}` }).end()
  }
}

function refuse(response: ServerResponse, { status, code }: NonNullable<FakeRepository['refusal']>): void {
  response.writeHead(status, code === undefined ? {} : { 'x-error-code': code }).end()
}

function answerApi(
  hub: FakeHub,
  { commit, files, listed = [] }: FakeRepository,
  { pathname, kind, revision, from }: { pathname: string; kind: string; revision: string; from: number },
  response: ServerResponse,
): void {
  if (!['main', 'v1', commit].includes(revision)) {
    refuse(response, { status: 404, code: 'RevisionNotFound' })
    return
  }
  const entries = Object.entries(files).map(([path, content]) => {
    const { length: size } = content
    if (size < hub.largeFrom) return { type: 'file', path, size, oid: gitDigest(content) }
    const oid = createHash('sha256').update(content).digest('hex')
    return { type: 'file', path, size, oid: 'f'.repeat(40), lfs: { oid, size, pointerSize: 130 } }
  })
  const listing = [{ type: 'directory', path: 'unet' }, ...entries, ...listed]
  const next = from + hub.pageSize
  if (kind === 'tree' && next < listing.length) {
    response.setHeader('link', `<${hub.endpoint}${pathname}?recursive=true&cursor=${next}>; rel="next"`)
  }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(kind === 'revision' ? { sha: commit } : listing.slice(from, next)))
}

function gitDigest(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

function sendContent(hub: FakeHub, content: Buffer, path: string, request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const rest = Buffer.from(content.subarray(start))
  const spoiled = hub.spoiled.get(path) ?? 0
  hub.spoiled.set(path, spoiled - 1)
  if (spoiled > 0) rest[rest.length - 1]! ^= 1
  const length = { 'content-length': rest.length }
  if (start > 0) response.writeHead(206, { ...length, 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` })
  else response.writeHead(200, length)
  const cut = hub.cuts.get(path)?.shift()
  const stall = hub.stalls.get(path)
  hub.stalls.delete(path)
  if (stall !== undefined) response.write(rest.subarray(0, stall))
  else if (cut === undefined) response.end(rest)
  else response.write(rest.subarray(0, cut), () => response.destroy())
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
