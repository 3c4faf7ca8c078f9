import type { EmbeddingChoice, LoraChoice, Size } from '../contract/index.ts'

/** A ControlNet as a setting names it; the condition picture comes with the row. */
export interface ControlNetSetting {
  path: string
  scale: number
  start: number
  end: number
}

/** `1024x768` (also `X`, `×`) as a size. */
export function parseSize(value: unknown): Size | undefined {
  if (isRecord(value) && isCount(value.width) && isCount(value.height)) return { width: value.width, height: value.height }
  const match = /^\s*(\d{1,6})\s*[xX×]\s*(\d{1,6})\s*$/.exec(String(value))
  if (!match) return undefined
  const size = { width: Number(match[1]), height: Number(match[2]) }
  return size.width > 0 && size.height > 0 ? size : undefined
}

/** `TOP,LEFT` in pixels. */
export function parseTopLeft(value: unknown): { top: number; left: number } | undefined {
  if (isRecord(value) && typeof value.top === 'number' && typeof value.left === 'number')
    return { top: value.top, left: value.left }
  const match = /^\s*(-?\d+)\s*,\s*(-?\d+)\s*$/.exec(String(value))
  return match ? { top: Number(match[1]), left: Number(match[2]) } : undefined
}

/** `PATH[:WEIGHT]`. A colon that no number follows belongs to the path. */
export function parseLora(value: unknown): LoraChoice | undefined {
  if (isRecord(value) && typeof value.path === 'string') {
    return { path: value.path, weight: typeof value.weight === 'number' ? value.weight : 1 }
  }
  if (typeof value !== 'string' || value === '') return undefined
  const match = /^(.+):([-+]?(?:\d+\.?\d*|\.\d+))$/.exec(value)
  return match?.[1] ? { path: match[1], weight: Number(match[2]) } : { path: value, weight: 1 }
}

/** `FILE[:TOKEN]`. A token holds no path separator. */
export function parseEmbedding(value: unknown): EmbeddingChoice | undefined {
  if (isRecord(value) && typeof value.path === 'string') {
    return typeof value.token === 'string' ? { path: value.path, token: value.token } : { path: value.path }
  }
  if (typeof value !== 'string' || value === '') return undefined
  const match = /^(.{2,}):([^:/\\]+)$/.exec(value)
  return match?.[1] && match[2] ? { path: match[1], token: match[2] } : { path: value }
}

/** `FOLDER[:SCALE[:START:END]]`. */
export function parseControlNet(value: unknown): ControlNetSetting | undefined {
  if (isRecord(value) && typeof value.path === 'string') {
    const { path, scale = 1, start = 0, end = 1 } = value as unknown as ControlNetSetting
    return { path, scale, start, end }
  }
  if (typeof value !== 'string' || value === '') return undefined
  const match = /^(.+?)(?::(-?[\d.]+)(?::([\d.]+):([\d.]+))?)?$/.exec(value)
  if (!match?.[1]) return undefined
  const [scale, start, end] = [match[2] ?? '1', match[3] ?? '0', match[4] ?? '1'].map(Number) as [number, number, number]
  return [scale, start, end].every(Number.isFinite) ? { path: match[1], scale, start, end } : undefined
}

/** Which safety checker looks at finished pictures: the model's `own`, none (`off`), or that of a folder. */
export type SafetyCheckerChoice = 'own' | 'off' | { folder: string }

/** Nothing or a word for yes: the model's own; a word for no: none; anything else: a folder. */
export function parseSafetyChecker(value: unknown): SafetyCheckerChoice | undefined {
  if (isRecord(value) && typeof value.folder === 'string') return { folder: value.folder }
  if (typeof value !== 'string' && typeof value !== 'boolean') return undefined
  const word = String(value).trim()
  if (/^(|own|true|1|yes|on)$/i.test(word)) return 'own'
  return /^(off|false|0|no)$/i.test(word) ? 'off' : { folder: word }
}

/** One sentence for the start of a command; undefined where nothing looks at pictures. */
export function announceSafetyChecker(choice: SafetyCheckerChoice | undefined): string | undefined {
  if (choice === undefined || choice === 'off') return undefined
  const whose = choice === 'own' ? 'of the model' : `in ${choice.folder}`
  return `The safety checker ${whose} looks at every finished picture; what it flags is black.`
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0
}
