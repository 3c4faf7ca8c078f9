import { describe, expect, it } from 'vitest'
import { createFetcher } from '../../src/fetching/fetcher.ts'
import { PICTURE, redirectTo, sendPicture, serveRoutes } from './picture-server.ts'

const signal = new AbortController().signal
const resolveTo =
  (...addresses: string[]) =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

/** Every kind of address that is not public, with the word by which the refusal calls it. */
const FORBIDDEN: [string, string][] = [
  ['127.0.0.1', 'loopback'],
  ['127.8.8.8', 'loopback'],
  ['0.0.0.0', 'reserved'],
  ['10.1.2.3', 'private'],
  ['172.16.0.1', 'private'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'reserved'],
  ['169.254.1.1', 'link-local'],
  ['169.254.169.254', 'metadata'],
  ['100.100.100.200', 'metadata'],
  ['168.63.129.16', 'metadata'],
  ['192.0.0.1', 'reserved'],
  ['198.18.0.1', 'reserved'],
  ['224.0.0.1', 'multicast'],
  ['240.0.0.1', 'reserved'],
  ['255.255.255.255', 'reserved'],
  ['::', 'reserved'],
  ['::1', 'loopback'],
  ['::7f00:1', 'reserved'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:10.0.0.1', 'private'],
  ['::ffff:169.254.169.254', 'metadata'],
  ['64:ff9b::7f00:1', 'reserved'],
  ['64:ff9b::a9fe:a9fe', 'metadata'],
  ['64:ff9b:1::a00:1', 'reserved'],
  ['2002:7f00:1::', 'reserved'],
  ['2001:db8::1', 'reserved'],
  ['fc00::1', 'private'],
  ['fd00:ec2::254', 'metadata'],
  ['fe80::1', 'link-local'],
  ['fec0::1', 'reserved'],
  ['ff02::1', 'multicast'],
]

describe('addresses that are not public', () => {
  it.each(FORBIDDEN)('are refused when a name resolves to %s', async (address, word) => {
    const fetcher = createFetcher({ resolve: resolveTo(address) })
    await expect(fetcher.fetchPicture('http://pictures.test/a.png', signal)).rejects.toMatchObject({
      code: 'fetch_refused',
      message: expect.stringContaining(`pictures.test (${address}), which is a ${word} address`),
    })
  })

  it.each(FORBIDDEN)('are refused when %s stands in the URL', async (address) => {
    const host = address.includes(':') ? `[${address}]` : address
    await expect(createFetcher().fetchPicture(`http://${host}/a.png`, signal)).rejects.toMatchObject({ code: 'fetch_refused' })
  })

  it.each(['0x7f000001', '2130706433', '127.1', '017700000001', '127。0。0。1'])(
    'are refused in the spelling %s',
    async (host) => {
      await expect(createFetcher().fetchPicture(`http://${host}/a.png`, signal)).rejects.toThrow(
        /127\.0\.0\.1, which is a loopback/,
      )
    },
  )

  it('are refused although public ones are among them', async () => {
    const fetcher = createFetcher({ resolve: resolveTo('8.8.8.8', '10.0.0.1') })
    await expect(fetcher.fetchPicture('http://pictures.test/', signal)).rejects.toThrow(/pictures\.test \(10\.0\.0\.1\)/)
  })

  it('are never connected to unless they are allowed', async () => {
    await using server = await serveRoutes({ '/a': sendPicture })
    const fetcher = createFetcher({ resolve: resolveTo('127.0.0.1') })
    await expect(fetcher.fetchPicture(`http://pictures.test:${server.port}/a`, signal)).rejects.toThrow(
      /loopback address; --allow_private_urls permits it\.$/,
    )
    await expect(fetcher.fetchPicture(`${server.origin}/a`, signal)).rejects.toThrow(/loopback/)
    expect(server.requests).toEqual([])
  })
})

describe('the address that was judged', () => {
  it('is the one that is connected to, resolved once for each connection', async () => {
    await using server = await serveRoutes({ '/a': sendPicture })
    let lookups = 0
    const resolve = async () => {
      lookups += 1
      return [{ address: '127.0.0.1', family: 4 }]
    }
    const fetcher = createFetcher({ allowPrivate: true, resolve })
    expect(await fetcher.fetchPicture(`http://pictures.test:${server.port}/a`, signal)).toHaveLength(PICTURE.length)
    expect(lookups).toBe(1)
    expect(server.requests).toEqual([{ path: '/a', host: `pictures.test:${server.port}` }])
  })
})

describe('the service with a cloud machine’s credentials', () => {
  it.each(['http://169.254.169.254/latest/meta-data/', 'http://[fd00:ec2::254]/', 'http://metadata.test/'])(
    'stays refused where private addresses are allowed, by redirect to %s too',
    async (location) => {
      await using server = await serveRoutes({ '/a': redirectTo(location) })
      const resolve = async (hostname: string) => resolveTo(hostname === 'metadata.test' ? '169.254.169.254' : '127.0.0.1')()
      const fetcher = createFetcher({ allowPrivate: true, resolve })
      await expect(fetcher.fetchPicture(`${server.origin}/a`, signal)).rejects.toMatchObject({
        code: 'fetch_refused',
        message: expect.stringMatching(/which is a metadata address\.$/),
      })
    },
  )
})
