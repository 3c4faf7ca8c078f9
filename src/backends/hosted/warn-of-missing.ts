import type { ImageWarning } from '../../contract/index.ts'
import type { Endpoint } from './endpoint.ts'

/** Told when a provider answers with fewer pictures than asked for: those that came are paid for and kept. */
export function warnOfMissing(got: number, wanted: number, { name }: Endpoint): ImageWarning[] {
  if (got >= wanted) return []
  const detail = `${name} made ${got} of the ${wanted} pictures asked for.`
  return [{ kind: 'adjusted', field: 'num_images_per_prompt', detail }]
}
