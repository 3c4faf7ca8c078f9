import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A request as it stood on the wire. */
export interface WireRequest {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
  /** The body as JSON. */
  json: () => Record<string, unknown>
  /** The body as a form. */
  form: () => Promise<FormData>
}

/** What a fake upstream does with a request. */
export type Reply =
  | { status?: number; headers?: Record<string, string>; json?: unknown; text?: string; bytes?: Uint8Array }
  /** Reads the request and breaks the connection. */
  | 'reset'
  /** Reads the request and never answers. */
  | 'hang'
  /** Begins an answer and breaks the connection. */
  | 'tear'

export interface FakeUpstream extends AsyncDisposable {
  url: string
  requests: WireRequest[]
  /** Connections that stand now, and the most that ever stood at once. */
  sockets: { open: number; most: number }
  /** Requests being answered now, and the most at once. */
  inFlight: { now: number; most: number }
  /** Resolves when so many requests have arrived. */
  arrived(count: number): Promise<void>
  /** Resolves when no connection stands any more. */
  drained(): Promise<void>
}

type Answer = (request: WireRequest, place: number) => Reply | Promise<Reply>

/** A provider on a loopback socket that answers as told and remembers what it was asked. */
export async function startUpstream(answer: Answer): Promise<FakeUpstream> {
  const requests: WireRequest[] = []
  const sockets = { open: 0, most: 0 }
  const inFlight = { now: 0, most: 0 }
  const watchers = new Set<() => void>()
  const tell = () => {
    for (const watcher of watchers) watcher()
  }
  const until = (isReached: () => boolean) =>
    new Promise<void>((resolve) => {
      const watcher = () => {
        if (!isReached()) return
        watchers.delete(watcher)
        resolve()
      }
      watchers.add(watcher)
      watcher()
    })
  const server = createServer(async (incoming, outgoing) => {
    const request = await readRequest(incoming)
    requests.push(request)
    inFlight.most = Math.max(inFlight.most, ++inFlight.now)
    outgoing.on('close', () => {
      inFlight.now--
    })
    tell()
    send(await answer(request, requests.length - 1), incoming, outgoing)
  })
  const standing = new Set<Socket>()
  server.on('connection', (socket) => {
    standing.add(socket)
    sockets.most = Math.max(sockets.most, ++sockets.open)
    socket.on('close', () => {
      standing.delete(socket)
      sockets.open--
      tell()
    })
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    sockets,
    inFlight,
    arrived: (count) => until(() => requests.length >= count),
    drained: () => until(() => sockets.open === 0),
    [Symbol.asyncDispose]: async () => {
      for (const socket of standing) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function readRequest(incoming: IncomingMessage): Promise<WireRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body,
    json: () => JSON.parse(body.toString()),
    form: () => new Response(body, { headers: { 'content-type': incoming.headers['content-type'] ?? '' } }).formData(),
  }
}

function send(reply: Reply, incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (reply === 'hang') return
  if (reply === 'reset') {
    incoming.socket.resetAndDestroy()
  } else if (reply === 'tear') {
    outgoing.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' })
    outgoing.write('{"data":', () => incoming.socket.resetAndDestroy())
  } else {
    const { status = 200, headers = {}, json, text, bytes } = reply
    outgoing.writeHead(status, { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers })
    outgoing.end(bytes ?? (json === undefined ? text : JSON.stringify(json)))
  }
}
