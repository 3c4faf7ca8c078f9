/** What keys of known providers look like, whole or with their middle starred out. */
const KEY_SHAPES = /\b(?:sk-|AIza)[\w*.-]{6,}/g
const LONGEST_QUOTE = 400

/** Makes a provider's words fit to be shown: known keys and whatever looks like one are taken out, blanks joined, the end cut. */
export function redact(text: string, keys: readonly (string | undefined)[]): string {
  let shown = text
  for (const key of keys) if (key) shown = shown.replaceAll(key, '[key]')
  shown = shown.replace(KEY_SHAPES, '[key]').replace(/\s+/g, ' ').trim()
  return shown.length > LONGEST_QUOTE ? `${shown.slice(0, LONGEST_QUOTE)}…` : shown
}
