import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A 1×1 PNG's beginning: enough to be known as a picture. */
export const PICTURE: Buffer = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(100, 7)])

export interface PictureServer extends AsyncDisposable {
  port: number
  /** `http://127.0.0.1:PORT` */
  origin: string
  /** Paths and hosts asked for, in order. */
  requests: { path: string; host: string | undefined }[]
}

type Route = (response: ServerResponse, request: IncomingMessage) => void

/** Serves routes on loopback until it is disposed; unknown paths are 404. */
export async function serveRoutes(routes: Record<string, Route>): Promise<PictureServer> {
  const requests: PictureServer['requests'] = []
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://host').pathname
    requests.push({ path, host: request.headers.host })
    const route = routes[path]
    if (route) route(response, request)
    else response.writeHead(404).end('nothing here')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const sendPicture: Route = (response) => {
  response.end(PICTURE)
}

export function redirectTo(location: string, status = 302): Route {
  return (response) => {
    response.writeHead(status, { location }).end()
  }
}
