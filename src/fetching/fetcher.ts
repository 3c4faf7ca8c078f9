/** Fetches pictures from addresses that others wrote. */
export interface Fetcher {
  /** The bytes behind an http or https URL. Refusals, time-outs and what is no picture reject with one sentence, without credentials. */
  fetchPicture(url: string, signal: AbortSignal): Promise<Uint8Array>
}
