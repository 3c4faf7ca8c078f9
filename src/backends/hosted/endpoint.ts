/** One address with the one key that may be sent there. */
export interface Endpoint {
  /** Host, with a number when several share it: what messages say in place of address and key. */
  readonly name: string
  /** Without a trailing slash. */
  readonly baseUrl: string
  /** Absent: the server wants none. */
  readonly apiKey: string | undefined
  /** Share of the requests, above 0. */
  readonly weight: number
  /** Requests a minute; absent: no limit. */
  readonly requestsPerMinute: number | undefined
}
