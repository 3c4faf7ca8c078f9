import type { Size, SizeRule } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'

/** Reads `WIDTHxHEIGHT`. `auto`, blank and absent mean the model's default; anything else is refused, in the words that clients look for. */
export function readSize(text: string | undefined, field = 'size'): Size | undefined {
  const trimmed = text?.trim() ?? ''
  if (trimmed === '' || trimmed.toLowerCase() === 'auto') return undefined
  const parts = trimmed
    .toLowerCase()
    .replace('×', 'x')
    .split('x')
    .map((part) => part.trim())
  if (parts.length !== 2)
    throw refuse(field, `Invalid size format: '${text}'. Expected format: 'WIDTHxHEIGHT' (e.g. '1024x1024').`)
  if (!parts.every((part) => /^[+-]?\d{1,9}$/.test(part))) {
    throw refuse(
      field,
      parts.includes('')
        ? `Invalid size format: '${text}'. Expected format: 'WIDTHxHEIGHT' with width and height as integers.`
        : `Invalid size format: '${text}'. Width and height must be integers.`,
    )
  }
  const [width, height] = parts.map(Number) as [number, number]
  if (width > 0 && height > 0) return { width, height }
  throw refuse(field, `Invalid size: ${width}x${height}. Width and height must be positive integers.`)
}

/** Throws for a size that the model cannot draw, and names the nearest ones that it can. */
export function checkSize(size: Size, rule: SizeRule | undefined, modelId: string): void {
  if (!rule) return
  const asked = formatSize(size)
  if (rule.only) {
    if (rule.only.includes(asked)) return
    throw refuse('size', `The model ${modelId} draws ${rule.only.join(', ')} only, got ${asked}.`)
  }
  if (fits(size.width, rule) && fits(size.height, rule)) return
  const near = [...new Set([nearestSize(size, rule, Math.floor), nearestSize(size, rule, Math.ceil)])]
  throw refuse(
    'size',
    `The model ${modelId} draws sides from ${rule.min} to ${rule.max} pixels in multiples of ${rule.multiple}, got ${asked}; nearest: ${near.join(' or ')}.`,
  )
}

/** `1024x768`. */
export function formatSize({ width, height }: Size): string {
  return `${width}x${height}`
}

function fits(side: number, { min, max, multiple }: SizeRule): boolean {
  return side >= min && side <= max && side % multiple === 0
}

function nearestSize(size: Size, rule: SizeRule, round: (value: number) => number): string {
  const near = (side: number) => {
    const smallest = Math.ceil(rule.min / rule.multiple) * rule.multiple
    const largest = Math.floor(rule.max / rule.multiple) * rule.multiple
    return Math.min(largest, Math.max(smallest, round(side / rule.multiple) * rule.multiple))
  }
  return formatSize({ width: near(size.width), height: near(size.height) })
}

function refuse(field: string, message: string): DiffgentorError {
  return new DiffgentorError('invalid_request', message, { field })
}
