import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { DiffgentorError } from '../../src/errors.ts'
import { RunQueue } from '../../src/serve/run-queue.ts'
import { generate, readJson, startTestServer } from './test-server.ts'

/** A queue on a clock that the test turns, with work that the test finishes. */
function makeQueue(maxConcurrent: number, maxQueue: number) {
  const clock = { now: 0 }
  const queue = new RunQueue({ maxConcurrent, maxQueue, now: () => clock.now })
  const order: string[] = []
  const finish = new Map<string, (error?: Error) => void>()
  const submit = (name: string, options: { priority?: number; cost?: number; signal?: AbortSignal } = {}) =>
    queue.submit({
      model: 'm',
      cost: options.cost ?? 1,
      priority: options.priority,
      signal: options.signal ?? new AbortController().signal,
      run: async () => {
        order.push(name)
        await new Promise<void>((resolve, reject) => finish.set(name, (error) => (error ? reject(error) : resolve())))
        return name
      },
    })
  return { queue, clock, order, submit, finish: (name: string, error?: Error) => finish.get(name)!(error) }
}

describe('the queue', () => {
  it('runs work in order of arrival, and urgent work behind what runs', async () => {
    const { submit, finish, order } = makeQueue(1, 10)
    const [head, second, urgent] = [submit('head'), submit('second'), submit('urgent', { priority: 1 })]
    expect([head.position, urgent.position, second.position]).toEqual([0, 1, 2])
    expect([head.state, second.state]).toEqual(['running', 'waiting'])
    for (const [name, ticket] of [
      ['head', head],
      ['urgent', urgent],
      ['second', second],
    ] as const) {
      finish(name)
      expect(await ticket.result).toBe(name)
    }
    expect(order).toEqual(['head', 'urgent', 'second'])
  })

  it('tells from finished work how long the rest will take', async () => {
    const { submit, finish, clock } = makeQueue(1, 10)
    const first = submit('first', { cost: 2 })
    expect(first.etaSeconds).toBeUndefined()
    clock.now = 20_000
    finish('first')
    await first.result
    const [running, waiting] = [submit('running', { cost: 1 }), submit('waiting', { cost: 3 })]
    expect([running.etaSeconds, waiting.etaSeconds]).toEqual([10, 40])
    clock.now += 4000
    expect([running.etaSeconds, waiting.etaSeconds]).toEqual([6, 36])
  })

  it('refuses more than may wait, and says when to come back', async () => {
    const { submit, finish, clock } = makeQueue(1, 1)
    const first = submit('first')
    clock.now = 30_000
    finish('first')
    await first.result
    submit('running')
    submit('waiting')
    expect(() => submit('refused')).toThrow(expect.objectContaining({ code: 'queue_full', retryAfterMs: 60_000 }))
  })

  it('goes on after work that failed or was given up', async () => {
    const { submit, finish, order } = makeQueue(1, 10)
    const leaving = new AbortController()
    const [first, second, third] = [submit('first'), submit('second', { signal: leaving.signal }), submit('third')]
    leaving.abort(new DiffgentorError('cancelled', 'left'))
    await expect(second.result).rejects.toThrow('left')
    finish('first', new Error('boom'))
    await expect(first.result).rejects.toThrow('boom')
    finish('third')
    expect(await third.result).toBe('third')
    expect(order).toEqual(['first', 'third'])
  })

  it('finishes what it took before it closes, and takes no more', async () => {
    const { queue, submit, finish } = makeQueue(1, 10)
    const [first, second] = [submit('first'), submit('second')]
    const closed = queue.close()
    expect(() => submit('late')).toThrow(expect.objectContaining({ code: 'not_ready' }))
    finish('first')
    await first.result
    finish('second')
    await second.result
    await closed
    expect(queue.running + queue.waiting).toBe(0)
  })
})

describe('the server’s queue', () => {
  it('case 16: answers 429 when too many wait', async () => {
    const server = await startTestServer({ settings: { maxQueue: 1 } })
    const { release } = server.backend.hold()
    const started = server.backend.nextStart()
    const running = generate(server, { prompt: 'one' })
    await started
    const waiting = generate(server, { prompt: 'two' })
    await expect.poll(() => server.services.queue.waiting).toBe(1)
    const refused = await generate(server, { prompt: 'three' })
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await readJson(refused)).error.code).toBe('queue_full')
    release()
    expect([(await running).status, (await waiting).status]).toEqual([200, 200])
  })

  it('stops the work of a caller who leaves, running or waiting', async () => {
    const server = await startTestServer()
    const { backend, services } = server
    backend.hold()
    const started = backend.nextStart()
    const [running, waiting] = [new AbortController(), new AbortController()]
    const send = (signal: AbortSignal) =>
      fetch(`${server.url}/v1/images/generations`, { method: 'POST', body: '{"prompt":"x"}', signal }).catch(() => undefined)
    void send(running.signal)
    await started
    void send(waiting.signal)
    await expect.poll(() => services.queue.waiting).toBe(1)
    waiting.abort()
    await expect.poll(() => services.queue.waiting).toBe(0)
    running.abort()
    await expect.poll(() => backend.aborted).toBe(1)
    expect(backend.requests).toHaveLength(1)
    expect(services.queue.running).toBe(0)
    await expect.poll(() => server.logLines.map((line) => line.status)).toEqual([499, 499])
    expect(server.logLines.filter((line) => Number(line.level) >= 50)).toEqual([])
  })

  it('stops the work of a stream whose reader leaves', async () => {
    const server = await startTestServer()
    server.backend.hold()
    const leaving = new AbortController()
    const body = '{"prompt":"x","stream":true}'
    const response = await fetch(`${server.url}/v1/images/generations`, { method: 'POST', body, signal: leaving.signal })
    await response.body!.getReader().read()
    leaving.abort()
    await expect.poll(() => server.backend.aborted).toBe(1)
  })

  it('ends a request that takes longer than the server allows', async () => {
    const server = await startTestServer({ settings: { requestTimeout: 0.05 } })
    server.backend.hold()
    const response = await generate(server, { prompt: 'x' })
    expect(response.status).toBe(504)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect((await readJson(response)).error.code).toBe('timeout')
    expect(server.backend.aborted).toBe(1)
  })

  it('finishes accepted requests when it is told to end, and refuses new ones', async () => {
    const server = await startTestServer()
    const { release } = server.backend.hold()
    const started = server.backend.nextStart()
    const running = generate(server, { prompt: 'x' })
    await started
    const drained = server.drain()
    expect(server.services.queue.isClosed).toBe(true)
    release()
    expect((await running).status).toBe(200)
    await drained
    await expect(fetch(`${server.url}/health`)).rejects.toThrow()
  })

  it('answers one request with an error when a worker dies, and draws the next', async () => {
    const server = await startTestServer()
    const crashed = await generate(server, { prompt: '[fail:worker_crashed:1]' })
    expect(crashed.status).toBe(500)
    expect(crashed.headers.get('x-should-retry')).toBeNull()
    expect((await generate(server, { prompt: '[fail:worker_crashed:1]' })).status).toBe(200)
  })

  it('survives callers who say nothing or nonsense', async () => {
    const server = await startTestServer()
    const port = Number(new URL(server.url).port)
    for (const text of [
      '',
      'GET',
      '\x16\x03\x01\x02\x00',
      'POST /v1/images/generations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{',
    ]) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.end(text)
      await new Promise((resolve) => socket.on('close', resolve).resume())
    }
    expect((await generate(server, { prompt: 'x' })).status).toBe(200)
  })
})
