import { setMaxListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import type { Endpoint } from '../../../src/backends/hosted/endpoint.ts'
import { EndpointPool, type Lease, type PoolOptions } from '../../../src/backends/hosted/endpoint-pool.ts'
import { DiffgentorError, type ErrorCode } from '../../../src/errors.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const signal = new AbortController().signal
setMaxListeners(0, signal)

function endpoint(name: string, facts: Partial<Endpoint> = {}): Endpoint {
  return { name, baseUrl: `https://${name}`, apiKey: undefined, weight: 1, requestsPerMinute: undefined, ...facts }
}

function open(endpoints: Endpoint[], options: Partial<PoolOptions> = {}) {
  const clock = new ManualClock()
  return { clock, pool: new EndpointPool(endpoints, { concurrency: 1000, clock, ...options }) }
}

function fault(code: ErrorCode, retryAfterMs?: number): DiffgentorError {
  return new DiffgentorError(code, `Failed with ${code}.`, { retryAfterMs })
}

/** Takes as many leases as come without waiting. */
async function takeAll(pool: EndpointPool, wanted: number): Promise<Lease[]> {
  const leases: Lease[] = []
  for (let count = 0; count < wanted; count++)
    void pool.acquire(signal).then(
      (lease) => leases.push(lease),
      () => undefined,
    )
  await settle()
  return leases
}

function countByName(leases: readonly Lease[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { endpoint } of leases) counts[endpoint.name] = (counts[endpoint.name] ?? 0) + 1
  return counts
}

describe('a pool of endpoints', () => {
  it('shares requests evenly among equal endpoints', async () => {
    const { pool } = open([endpoint('a'), endpoint('b'), endpoint('c')])
    expect(countByName(await takeAll(pool, 300))).toEqual({ a: 100, b: 100, c: 100 })
  })

  it('shares requests by weight', async () => {
    const { pool } = open([endpoint('a', { weight: 3 }), endpoint('b')])
    expect(countByName(await takeAll(pool, 400))).toEqual({ a: 300, b: 100 })
  })

  it('serves those who wait in the order in which they came', async () => {
    const { pool } = open([endpoint('a')], { concurrency: 1 })
    const served: number[] = []
    const first = await pool.acquire(signal)
    const rest = [1, 2, 3].map(async (place) => {
      const lease = await pool.acquire(signal)
      served.push(place)
      lease.succeed()
    })
    first.succeed()
    await Promise.all(rest)
    expect(served).toEqual([1, 2, 3])
  })

  it('keeps to the rate of each endpoint and to the rate over all of them', async () => {
    const { pool, clock } = open([endpoint('a', { requestsPerMinute: 2 }), endpoint('b', { requestsPerMinute: 10 })], {
      requestsPerMinute: 8,
    })
    const leases: Lease[] = []
    for (let count = 0; count < 30; count++) void pool.acquire(signal).then((lease) => leases.push(lease))
    await settle()
    expect(countByName(leases)).toEqual({ a: 2, b: 6 })
    await clock.advance(59_999)
    expect(leases).toHaveLength(8)
    await clock.advance(1)
    expect(leases).toHaveLength(16)
  })

  it('sends less to an endpoint that fails and comes back to it when it recovers', async () => {
    const { pool } = open([endpoint('a'), endpoint('b')], { concurrency: 1 })
    const share = async (rounds: number, isBroken: boolean) => {
      let sent = 0
      for (let round = 0; round < rounds; round++) {
        const lease = await pool.acquire(signal)
        if (lease.endpoint.name === 'a') sent++
        if (lease.endpoint.name === 'a' && isBroken) lease.fail(fault('upstream_unavailable'))
        else lease.succeed()
      }
      return sent
    }
    expect(await share(200, true)).toBeLessThan(20)
    await share(400, false)
    expect(await share(200, false)).toBe(100)
  })

  it('halves the requests at once when it is told to slow down, once for a whole burst, and widens by one', async () => {
    const { pool } = open([endpoint('a')], { concurrency: 8 })
    for (const lease of await takeAll(pool, 8)) lease.fail(fault('upstream_rate_limit'))
    const leases = await takeAll(pool, 100)
    expect(leases).toHaveLength(4)
    for (const lease of [...leases]) lease.succeed()
    await settle()
    expect(leases).toHaveLength(4 + 5)
  })

  it('leaves an endpoint alone for as long as it asks, up to ten minutes', async () => {
    const { pool, clock } = open([endpoint('a')])
    const [lease] = await takeAll(pool, 1)
    expect(lease?.fail(fault('upstream_rate_limit', 600_000))).toMatchObject({
      code: 'upstream_rate_limit',
      retryAfterMs: 600_000,
    })
    let isServed = false
    void pool.acquire(signal).then(() => {
      isServed = true
    })
    await clock.advance(599_999)
    expect(isServed).toBe(false)
    await clock.advance(1)
    expect(isServed).toBe(true)
  })

  it('tells a row to come back at once when another endpoint is free', async () => {
    const { pool } = open([endpoint('a'), endpoint('b')])
    const [lease] = await takeAll(pool, 1)
    expect(lease?.fail(fault('upstream_rate_limit', 300_000))).toMatchObject({ code: 'upstream_rate_limit', retryAfterMs: 0 })
  })

  it('ends the run when every endpoint asks for more than ten minutes', async () => {
    const { pool } = open([endpoint('a'), endpoint('b')])
    const [first, second] = await takeAll(pool, 2)
    expect(first?.fail(fault('upstream_rate_limit', 600_001)).code).toBe('upstream_unavailable')
    expect(second?.fail(fault('upstream_unavailable', 3_600_000)).code).toBe('upstream_quota')
    await expect(pool.acquire(signal)).rejects.toMatchObject({
      code: 'upstream_quota',
      message: expect.stringContaining('minutes'),
    })
  })

  it('goes on with the other keys when one is refused, and ends the run when all are', async () => {
    const { pool } = open([endpoint('a'), endpoint('b')])
    const [first, second] = await takeAll(pool, 2)
    expect(first?.fail(fault('upstream_authentication'))).toMatchObject({ code: 'upstream_unavailable', retryAfterMs: 0 })
    expect(countByName(await takeAll(pool, 10))).toEqual({ b: 10 })
    expect(second?.fail(fault('upstream_authentication')).code).toBe('upstream_authentication')
    await expect(pool.acquire(signal)).rejects.toMatchObject({ code: 'upstream_authentication' })
  })

  it('turns away those who wait when the last endpoint is parked', async () => {
    const { pool } = open([endpoint('a')], { concurrency: 1 })
    const lease = await pool.acquire(signal)
    const waiting = pool.acquire(signal)
    lease.fail(fault('upstream_quota'))
    await expect(waiting).rejects.toMatchObject({ code: 'upstream_quota' })
  })

  it('lets a waiting request go when it is cancelled, and gives its turn to the next', async () => {
    const { pool } = open([endpoint('a')], { concurrency: 1 })
    const controller = new AbortController()
    const lease = await pool.acquire(signal)
    const cancelled = pool.acquire(controller.signal)
    const next = pool.acquire(signal)
    controller.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' })
    lease.succeed()
    await expect(next).resolves.toBeDefined()
  })
})
