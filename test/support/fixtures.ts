import { fileURLToPath } from 'node:url'

/** Where the packed fixtures lie in the repository. */
export const FIXTURE_ARCHIVES = fileURLToPath(new URL('../fixtures', import.meta.url))

/** Where the test run unpacks them. */
export const FIXTURE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/diffgentor-fixtures', import.meta.url))

/** The unpacked path of a fixture, such as `models/sd15-tiny` or `rng/torch.json`. Read it, never write to it. */
export function fixturePath(name: string): string {
  return `${FIXTURE_CACHE}/${name}`
}
