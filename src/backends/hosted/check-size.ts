import type { Size, SizeRule } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'

/** Throws `invalid_request` for a size that the model does not draw, naming the nearest that it does. */
export function checkSize(model: string, { width, height }: Size, rule: SizeRule): void {
  const asked = `${width}x${height}`
  if (rule.only) {
    if (rule.only.includes(asked)) return
    throw invalid(`The model ${model} draws ${rule.only.join(', ')}; got ${asked}.`)
  }
  const nearest = `${nearestEdge(width, rule)}x${nearestEdge(height, rule)}`
  if (nearest === asked) return
  throw invalid(
    `The model ${model} draws widths and heights from ${rule.min} to ${rule.max} that are multiples of ${rule.multiple}; got ${asked}, the nearest is ${nearest}.`,
  )
}

function nearestEdge(edge: number, { multiple, min, max }: SizeRule): number {
  return Math.min(max, Math.max(min, Math.round(edge / multiple) * multiple))
}

function invalid(message: string): DiffgentorError {
  return new DiffgentorError('invalid_request', message, { field: 'size' })
}
