import type { EnlargeFilter } from '../../../images/enlarge-picture.ts'

/** A way of enlarging pictures. */
export interface Upscaler {
  name: string
  filter: EnlargeFilter
}

const LANCZOS: Upscaler = { name: 'Lanczos', filter: 'lanczos' }

/** What `upscalers` lists besides `None`. */
export const UPSCALERS: readonly Upscaler[] = [LANCZOS, { name: 'Nearest', filter: 'nearest' }]

/** The upscaler of a name; one that is not known, such as a latent mode, is answered by Lanczos. */
export function findUpscaler(name: string | undefined): Upscaler {
  return UPSCALERS.find((known) => known.name.toLowerCase() === name?.trim().toLowerCase()) ?? LANCZOS
}
