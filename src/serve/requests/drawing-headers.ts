import type { Drawing } from '../drawing.ts'
import { toHeaderText, warningHeaders } from '../http/warning-headers.ts'

/** What could not be honored, one sentence each. */
export function warningTexts({ warnings }: Pick<Drawing, 'warnings'>): string[] {
  return warnings.map((warning) => warning.detail)
}

/** The seeds of a drawing that is only begun, for the head of a stream. */
export function seedHeaders(seeds: readonly number[] | undefined): Record<string, string> {
  return seeds ? { 'x-seed': seeds.join(',') } : {}
}

/** Headers that every answer with pictures carries: the seeds, and what could not be honored. */
export function drawingHeaders(drawing: Drawing): Record<string, string> {
  const headers = warningHeaders(warningTexts(drawing))
  const seeds = drawing.images.map((image) => image.seed)
  if (seeds.every((seed) => seed !== undefined) && seeds.length > 0) headers['x-seed'] = seeds.join(',')
  const mask = drawing.warnings.find((warning) => warning.field === 'mask')
  if (mask) headers['warning'] = `299 - "${toHeaderText(mask.detail).replaceAll('"', "'")}"`
  return headers
}

/** What the safety checker found, picture by picture, in the words of diffusers; nothing where none looked. */
export function describeVerdicts({ images }: Pick<Drawing, 'images'>): { has_nsfw_concepts?: boolean[] } {
  if (images.every(({ isFlagged }) => isFlagged === undefined)) return {}
  return { has_nsfw_concepts: images.map(({ isFlagged }) => isFlagged === true) }
}
