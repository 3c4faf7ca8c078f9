import { type Json, post, readJson, type TestServer } from './test-server.ts'

export const txt2img = (server: TestServer, body: unknown, headers?: Record<string, string>) =>
  post(server, '/sdapi/v1/txt2img', body, headers)

export const img2img = (server: TestServer, body: unknown) => post(server, '/sdapi/v1/img2img', body)

/** Gets a route of the family. */
export const ask = async (server: TestServer, path: string, headers: Record<string, string> = {}): Promise<Json> =>
  await readJson(await fetch(`${server.url}/sdapi/v1/${path}`, { headers }))
