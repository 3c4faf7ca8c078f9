import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { DiffgentorError } from '../errors.ts'

/** Turns a host name into addresses. */
export type ResolveHost = (hostname: string) => Promise<readonly LookupAddress[]>

/** Where clouds keep credentials for the machine itself. No picture lives there, so these stay refused even where private addresses are allowed. */
const METADATA_ADDRESSES = new Set([
  '169.254.169.254',
  '169.254.170.2',
  '168.63.129.16',
  '100.100.100.200',
  '192.0.0.192',
  'fd00:ec2::254',
])

/** What a range of addresses is called in a message; ranges that are not named here are "reserved". */
const RANGE_WORDS: Readonly<Record<string, string>> = {
  private: 'private',
  uniqueLocal: 'private',
  loopback: 'loopback',
  linkLocal: 'link-local',
  multicast: 'multicast',
}

/** Decides which addresses may be connected to: only public ones, unless private ones are allowed. */
export class AddressGuard {
  readonly #allowPrivate: boolean
  readonly #resolve: ResolveHost

  constructor(allowPrivate: boolean, resolve: ResolveHost = (hostname) => lookup(hostname, { all: true, verbatim: true })) {
    this.#allowPrivate = allowPrivate
    this.#resolve = resolve
  }

  /** Throws when a URL names a forbidden address literally. Names are judged later, by what they resolve to. */
  checkHost(hostname: string): void {
    const literal = hostname.replace(/^\[|\]$/g, '')
    if (isIP(literal) !== 0) this.#check(literal, hostname)
  }

  /** For `net.connect`: hands out only addresses that may be connected to, so what was judged is what is connected to, whatever a name server says later. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.#resolveAllowed(hostname, options.family).then(
      (addresses) => {
        if (options.all) callback(null, [...addresses])
        else callback(null, addresses[0]!.address, addresses[0]!.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    )
  }

  async #resolveAllowed(hostname: string, family: unknown): Promise<LookupAddress[]> {
    const all = await this.#resolve(hostname)
    // One forbidden address among public ones is how a name is made to change its meaning.
    for (const { address } of all) this.#check(address, hostname)
    const chosen = all.filter((address) => !family || address.family === family)
    if (chosen.length === 0) throw new DiffgentorError('fetch_failed', `The host ${hostname} has no address.`)
    return chosen
  }

  #check(address: string, hostname: string): void {
    const word = judgeAddress(address, this.#allowPrivate)
    if (word === undefined) return
    const where = address === hostname.replace(/^\[|\]$/g, '') ? hostname : `${hostname} (${address})`
    const cure = word === 'metadata' ? '' : '; --allow_private_urls permits it'
    throw new DiffgentorError('fetch_refused', `Pictures are not fetched from ${where}, which is a ${word} address${cure}.`)
  }
}

/** Undefined: may be connected to. Else the kind of address, in a word. */
function judgeAddress(address: string, allowPrivate: boolean): string | undefined {
  const parsed = ipaddr.parse(address.replace(/%.*$/, ''))
  // An IPv4 address in IPv6 clothes is judged as what it is, so that no clothes help.
  const plain = parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() ? parsed.toIPv4Address() : parsed
  if (METADATA_ADDRESSES.has(plain.toString()) || METADATA_ADDRESSES.has(embeddedIPv4(parsed) ?? '')) return 'metadata'
  if (allowPrivate || isPublic(parsed)) return undefined
  return RANGE_WORDS[plain.range()] ?? 'reserved'
}

/** Of IPv6 only 2000::/3 is in use for public addresses. */
function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== 'unicast') return false
  return !(address instanceof ipaddr.IPv6) || address.match(ipaddr.IPv6.parse('2000::'), 3)
}

/** The IPv4 address inside a NAT64 address (RFC 6052, 64:ff9b::/96). */
function embeddedIPv4(address: ipaddr.IPv4 | ipaddr.IPv6): string | undefined {
  if (!(address instanceof ipaddr.IPv6) || address.range() !== 'rfc6052') return undefined
  return address.toByteArray().slice(12).join('.')
}
