import type { EnlargeFilter } from '../../images/enlarge-picture.ts'
import { listUpscalers } from '../../models/list-upscalers.ts'
import type { Services } from '../services.ts'

/** A way of enlarging pictures: a filter, or a graph by its path. */
export type Upscaler = { name: string; filter: EnlargeFilter } | { name: string; graph: string }

export const LANCZOS: Upscaler = { name: 'Lanczos', filter: 'lanczos' }

const FILTERS: readonly Upscaler[] = [LANCZOS, { name: 'Nearest', filter: 'nearest' }]

/** What `upscalers` lists besides `None`: the filters, and the graphs of the operator's folder where a model's engine runs them. */
export async function readUpscalers({ settings, models }: Services): Promise<Upscaler[]> {
  const { upscalerDir } = settings
  const runsGraphs = models.models.some(({ backend }) => backend.enlargePicture !== undefined)
  const graphs = upscalerDir === undefined || !runsGraphs ? [] : await listUpscalers(upscalerDir)
  return [...FILTERS, ...graphs.map(({ name, path }) => ({ name, graph: path }))]
}

/** The upscaler of a name; undefined for one that is not known, such as a latent mode. */
export async function findUpscaler(services: Services, name: string): Promise<Upscaler | undefined> {
  const wanted = name.trim().toLowerCase()
  return (await readUpscalers(services)).find((known) => known.name.toLowerCase() === wanted)
}
