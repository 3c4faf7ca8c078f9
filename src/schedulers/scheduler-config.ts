import { DiffgentorError } from '../errors.ts'

/**
 * Parses a scheduler_config.json. Python writes `Infinity`, `-Infinity` and `NaN` into JSON (`lambda_min_clipped` of every saved
 * DPM-Solver); the infinities become numbers and NaN becomes null.
 *
 * @throws DiffgentorError `model_unreadable` when it is not a JSON object.
 */
export function parseSchedulerConfig(text: string): Record<string, unknown> {
  // Infinite numbers are spelled as numbers that overflow; what stands in strings is matched first and kept.
  const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => {
    if (token.startsWith('"')) return token
    return token === 'NaN' ? 'null' : token.replace('Infinity', '1e999')
  })
  let parsed: unknown
  try {
    parsed = JSON.parse(plain)
  } catch (cause) {
    throw new DiffgentorError('model_unreadable', `The scheduler configuration is not JSON: ${(cause as Error).message}.`, {
      cause,
    })
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new DiffgentorError('model_unreadable', 'The scheduler configuration is not a JSON object.')
  }
  return parsed as Record<string, unknown>
}
