/** The header that tells what could not be honored, one sentence after the other; none where everything was. */
export function warningHeaders(texts: readonly string[]): Record<string, string> {
  return texts.length === 0 ? {} : { 'x-diffgentor-warnings': texts.map(toHeaderText).join(' ') }
}

/** Headers hold visible ASCII only. */
export function toHeaderText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1000)
}
