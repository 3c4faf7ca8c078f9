import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createFetcher, type FetcherOptions } from '../../src/fetching/fetcher.ts'
import { PICTURE, redirectTo, sendPicture, serveRoutes } from './picture-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'diffgentor-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const signal = new AbortController().signal
const fetchPicture = (url: string, options: FetcherOptions = {}) =>
  createFetcher({ allowPrivate: true, ...options }).fetchPicture(url, signal)

describe('a fetched picture', () => {
  it('comes through redirects of every kind, relative ones too', async () => {
    await using server = await serveRoutes({
      '/a/start': redirectTo('next?x=1', 301),
      '/a/next': redirectTo('/b', 303),
      '/b': redirectTo('c', 307),
      '/c': (response, request) => redirectTo(`//${request.headers.host}/d`, 308)(response, request),
      '/d': sendPicture,
    })
    expect(Buffer.from(await fetchPicture(`${server.origin}/a/start`))).toEqual(PICTURE)
    expect(server.requests.map(({ path }) => path)).toEqual(['/a/start', '/a/next', '/b', '/c', '/d'])
  })

  it('is kept in the cache folder under a whole file and not fetched again', async () => {
    const cacheFolder = join(folder, 'cache')
    const server = await serveRoutes({ '/a': sendPicture })
    const fetcher = createFetcher({ allowPrivate: true, cacheFolder })
    await Promise.all([fetcher.fetchPicture(`${server.origin}/a`, signal), fetcher.fetchPicture(`${server.origin}/a?b`, signal)])
    await server[Symbol.asyncDispose]()
    expect(await fetchPicture(`${server.origin}/a`, { cacheFolder })).toHaveLength(PICTURE.length)
    const files = readdirSync(cacheFolder, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('/'))
    expect(files).toHaveLength(2)
    for (const name of files) expect(readFileSync(join(cacheFolder, name))).toEqual(PICTURE)
  })

  it('may be exactly as large as the limit', async () => {
    await using server = await serveRoutes({ '/a': sendPicture })
    expect(await fetchPicture(`${server.origin}/a`, { maxBytes: PICTURE.length })).toHaveLength(PICTURE.length)
    await expect(fetchPicture(`${server.origin}/a`, { maxBytes: PICTURE.length - 1 })).rejects.toMatchObject({
      code: 'fetch_refused',
    })
  })
})

describe('a picture is not fetched', () => {
  it('when it is larger than the limit, announced or not', async () => {
    let closed: () => void = () => {}
    const wasClosed = new Promise<void>((resolve) => {
      closed = resolve
    })
    await using server = await serveRoutes({
      '/announced': (response) => response.writeHead(200, { 'content-length': '5000000' }).write(PICTURE),
      '/endless': (response) => {
        response.on('close', closed)
        const pour = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, 1)));
        }
        response.on('drain', pour)
        pour()
      },
    })
    const message = /holds more than 2 MB, the limit for fetched pictures\.$/
    await expect(fetchPicture(`${server.origin}/announced`, { maxBytes: 2_000_000 })).rejects.toThrow(message)
    await expect(fetchPicture(`${server.origin}/endless`, { maxBytes: 2_000_000 })).rejects.toThrow(message)
    await wasClosed
  })

  it('when it does not come in time, whatever trickles in', async () => {
    await using server = await serveRoutes({
      '/silent': () => {},
      '/slow': (response) => {
        const timer = setInterval(() => response.write('x'), 5)
        response.on('close', () => clearInterval(timer))
      },
    })
    for (const path of ['/silent', '/slow']) {
      await expect(fetchPicture(server.origin + path, { timeoutMs: 100 })).rejects.toMatchObject({
        code: 'fetch_failed',
        message: `${server.origin}${path} was not fetched within 0.1 s.`,
      })
    }
  })

  it('after the caller gave up', async () => {
    const controller = new AbortController()
    await using server = await serveRoutes({ '/a': () => controller.abort() })
    const fetcher = createFetcher({ allowPrivate: true })
    await expect(fetcher.fetchPicture(`${server.origin}/a`, controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
    await expect(fetcher.fetchPicture(`${server.origin}/a`, controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
    expect(server.requests).toHaveLength(1)
  })

  it('through more redirects than the limit', async () => {
    await using server = await serveRoutes({ '/a': redirectTo('/a') })
    await expect(fetchPicture(`${server.origin}/a`)).rejects.toMatchObject({ code: 'fetch_refused' })
    expect(server.requests).toHaveLength(6)
  })

  it.each([
    ['file:///etc/passwd', /http and https addresses, got file:\.$/],
    ['ftp://127.0.0.1/a.png', /got ftp:\.$/],
    ['not an address', /this is not one\.$/],
  ])('from %s, directly or by redirect', async (location, message) => {
    await expect(fetchPicture(location)).rejects.toMatchObject({ code: 'fetch_refused', message: expect.stringMatching(message) })
    if (!URL.canParse(location)) return
    await using server = await serveRoutes({ '/a': redirectTo(location) })
    await expect(fetchPicture(`${server.origin}/a`)).rejects.toThrow(message)
  })

  it('when the answer is no picture', async () => {
    await using server = await serveRoutes({
      '/page': (response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<html>log in</html>'),
      '/empty': (response) => response.end(),
      '/gzip': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(PICTURE),
    })
    const cacheFolder = join(folder, 'refused')
    for (const path of ['/page', '/empty']) {
      await expect(fetchPicture(server.origin + path, { cacheFolder })).rejects.toMatchObject({
        code: 'unreadable_image',
        message: `${server.origin}${path} holds no picture that is known here.`,
      })
    }
    await expect(fetchPicture(`${server.origin}/gzip`)).rejects.toThrow(/answers compressed \(gzip\)/)
  })

  it('when the server says no, and may be asked again when that can pass', async () => {
    await using server = await serveRoutes({
      '/busy': (response) => response.writeHead(503, { 'retry-after': '7' }).end(),
      '/cut': (response) => {
        response.writeHead(200, { 'content-length': '1000' }).write(PICTURE)
        response.socket?.end()
      },
    })
    await expect(fetchPicture(`${server.origin}/gone`)).rejects.toMatchObject({
      code: 'fetch_refused',
      message: `${server.origin}/gone answers with status 404 instead of a picture.`,
    })
    await expect(fetchPicture(`${server.origin}/busy`)).rejects.toMatchObject({ code: 'fetch_failed', retryAfterMs: 7000 })
    await expect(fetchPicture(`${server.origin}/cut`)).rejects.toMatchObject({ code: 'fetch_failed' })
    await server[Symbol.asyncDispose]()
    await expect(fetchPicture(`${server.origin}/a`)).rejects.toThrow(/cannot be fetched \(ECONNREFUSED\)\.$/)
  })

  it('with a message that tells a password or a token', async () => {
    await using server = await serveRoutes({})
    const address = `http://user:hunter2@127.0.0.1:${server.port}/a?token=s3cret`
    await expect(fetchPicture(address)).rejects.toMatchObject({
      message: `${server.origin}/a answers with status 404 instead of a picture.`,
    })
    expect(server.requests).toHaveLength(1)
  })
})
