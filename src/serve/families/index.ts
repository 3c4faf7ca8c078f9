import { DiffgentorError } from '../../errors.ts'
import { a1111Family } from './a1111/index.ts'
import { diffgentorFamily } from './diffgentor/index.ts'
import type { Family } from './family.ts'
import { jobsFamily } from './jobs/index.ts'
import { mfluxFamily } from './mflux/index.ts'
import { openaiFamily } from './openai/index.ts'
import { sdapiFamily } from './sdapi/index.ts'
import { sglangFamily } from './sglang/index.ts'
import { vllmFamily } from './vllm/index.ts'

/** In the order of the documentation; the first route that fits answers. */
const FAMILIES: readonly Family[] = [
  openaiFamily,
  vllmFamily,
  sglangFamily,
  mfluxFamily,
  sdapiFamily,
  a1111Family,
  jobsFamily,
  diffgentorFamily,
]

/** The families that `--families` asks for; all when it is absent. */
export function chooseFamilies(wanted: readonly string[] | undefined): readonly Family[] {
  const known = FAMILIES.flatMap((family) => family.name ?? [])
  const unknown = wanted?.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw new DiffgentorError('invalid_configuration', `There is no protocol family "${unknown}"; known: ${known.join(', ')}.`, {
      field: 'families',
    })
  }
  return FAMILIES.filter((family) => family.name === undefined || wanted === undefined || wanted.includes(family.name))
}
