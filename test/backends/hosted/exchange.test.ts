import { type AddressInfo, createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Enclosures } from '../../../src/backends/hosted/enclosures.ts'
import type { Exchange } from '../../../src/backends/hosted/exchange.ts'
import { Transport } from '../../../src/backends/hosted/transport.ts'
import { type FakeUpstream, type Reply, startUpstream } from '../support/fake-upstream.ts'

let transport: Transport
let upstream: FakeUpstream
let reply: Reply

beforeEach(async () => {
  transport = new Transport(8)
  reply = { json: { fine: true } }
  upstream = await startUpstream(() => reply)
})

afterEach(async () => {
  await transport[Symbol.asyncDispose]()
  await upstream[Symbol.asyncDispose]()
})

const never = new AbortController().signal

function open(address: string, { timeoutMs = 60_000, signal = never } = {}): Exchange {
  return transport.open(address, { name: 'the provider', timeoutMs, signal })
}

function post(exchange: Exchange, address: string): Promise<Response> {
  return exchange.fetch(address, { method: 'POST', body: '{}' })
}

/** A TCP server that takes connections and treats them as told; not even TLS is answered. */
async function startMute(treat: (socket: Socket) => void = () => undefined) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    treat(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function unusedPort(): Promise<number> {
  await using server = await startMute()
  return server.port
}

describe('a request that cannot have left', () => {
  it('is unreachable when nobody listens', async () => {
    const address = `http://127.0.0.1:${await unusedPort()}/x`
    await expect(post(open(address), address)).rejects.toMatchObject({
      code: 'upstream_unreachable',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('is unreachable when the name does not resolve', async () => {
    const address = 'http://no-such-host.invalid/x'
    await expect(post(open(address), address)).rejects.toMatchObject({ code: 'upstream_unreachable' })
  })

  it('is unreachable when the connection breaks before it is secure', async () => {
    await using server = await startMute((socket) => socket.destroy())
    const address = `https://127.0.0.1:${server.port}/x`
    await expect(post(open(address), address)).rejects.toMatchObject({ code: 'upstream_unreachable' })
  })

  it('is unreachable when time runs out before the connection is secure', async () => {
    await using server = await startMute()
    const address = `https://127.0.0.1:${server.port}/x`
    await expect(post(open(address, { timeoutMs: 50 }), address)).rejects.toMatchObject({
      code: 'upstream_unreachable',
      message: expect.stringContaining('Nothing was sent'),
    })
  })

  it('is cancelled when the caller leaves before the connection is secure', async () => {
    const controller = new AbortController()
    await using server = await startMute(() => controller.abort())
    const address = `https://127.0.0.1:${server.port}/x`
    await expect(post(open(address, { signal: controller.signal }), address)).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('is cancelled when the caller had left before', async () => {
    const exchange = open(upstream.url, { signal: AbortSignal.abort() })
    await expect(post(exchange, upstream.url)).rejects.toMatchObject({ code: 'cancelled' })
    expect(upstream.requests).toHaveLength(0)
  })
})

describe('a request that left', () => {
  it.each(['reset', 'tear'] as const)('is ambiguous when the answer breaks off (%s)', async (broken) => {
    reply = broken
    await expect(post(open(upstream.url), upstream.url)).rejects.toMatchObject({
      code: 'upstream_ambiguous',
      message: expect.stringContaining('may have been billed'),
    })
    expect(upstream.requests).toHaveLength(1)
  })

  it('is ambiguous when time runs out, and its connection is closed', async () => {
    // The connection stands already, so that all of the time is the request's.
    await post(open(upstream.url), upstream.url)
    reply = 'hang'
    await expect(post(open(upstream.url, { timeoutMs: 50 }), upstream.url)).rejects.toMatchObject({
      code: 'upstream_ambiguous',
      message: expect.stringContaining('no answer within 0.05 s'),
    })
    await upstream.drained()
  })

  it('is ambiguous when the caller leaves, and its connection is closed', async () => {
    reply = 'hang'
    const controller = new AbortController()
    const sent = post(open(upstream.url, { signal: controller.signal }), upstream.url)
    await upstream.arrived(1)
    controller.abort()
    await expect(sent).rejects.toMatchObject({ code: 'upstream_ambiguous' })
    await upstream.drained()
  })

  it('is ambiguous when the caller leaves while pictures are still being sent, and its connection is closed', async () => {
    const controller = new AbortController()
    let closed: Promise<unknown> | undefined
    await using server = await startMute((socket) => {
      closed = new Promise((resolve) => socket.once('close', resolve))
      socket.once('data', () => controller.abort())
    })
    const enclosures = new Enclosures()
    const body = enclosures.asText(Buffer.alloc(30_000_000))
    const address = `http://127.0.0.1:${server.port}/x`
    const exchange = transport.open(address, { name: 'the provider', timeoutMs: 60_000, signal: controller.signal, enclosures })
    await expect(exchange.fetch(address, { method: 'POST', body })).rejects.toMatchObject({ code: 'upstream_ambiguous' })
    await closed
  })

  it('is answered when the answer is a refusal, whatever the status', async () => {
    reply = { status: 503, text: 'busy' }
    const exchange = open(upstream.url)
    const response = await post(exchange, upstream.url)
    expect([response.status, await response.text()]).toEqual([503, 'busy'])
    expect(exchange.failure).toBeUndefined()
  })

  it('is read even when some proxy compressed the answer', async () => {
    reply = { bytes: gzipSync('{"fine":true}'), headers: { 'content-encoding': 'gzip', 'content-type': 'application/json' } }
    expect(await (await post(open(upstream.url), upstream.url)).json()).toEqual({ fine: true })
  })

  it('follows no redirect, so that a key goes nowhere else', async () => {
    reply = { status: 307, headers: { location: 'http://127.0.0.1:1/elsewhere' } }
    expect((await post(open(upstream.url), upstream.url)).status).toBe(307)
    expect(upstream.requests).toHaveLength(1)
  })
})

describe('a large answer', () => {
  const picture = Buffer.alloc(1_500_000, 'diffgentor')
  const text = JSON.stringify({ data: [{ b64_json: picture.toString('base64') }] })

  it('is parsed in a thread, out of which its picture comes as bytes', async () => {
    reply = { text, headers: { 'content-type': 'application/json' } }
    const answer = (await (await post(open(upstream.url), upstream.url)).json()) as { data: { b64_json: Uint8Array }[] }
    const bytes = answer.data[0]!.b64_json
    expect(bytes).toBeInstanceOf(Uint8Array)
    expect(Buffer.compare(bytes, picture)).toBe(0)
  })

  it('keeps its bytes for whoever does not ask for JSON', async () => {
    reply = { bytes: picture, headers: { 'content-type': 'image/png' } }
    const exchange = open(upstream.url)
    await post(exchange, upstream.url)
    expect(Buffer.compare(exchange.answer!.body, picture)).toBe(0)
  })

  it('is no JSON when it breaks off', async () => {
    reply = { text: text.slice(0, -3), headers: { 'content-type': 'application/json' } }
    await expect((await post(open(upstream.url), upstream.url)).json()).rejects.toThrow(SyntaxError)
  })
})
