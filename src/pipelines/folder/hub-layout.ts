import { chooseGraphs, type GraphWish } from './choose-graphs.ts'
import { adviseExport } from './explain-no-graphs.ts'

/** What a download has to know about models: which graphs of a repository are wanted, and what to do without any. */
export interface HubLayout {
  chooseGraphs(paths: readonly string[]): string[]
  adviseExport(repository: string, index: string): string
}

export function hubLayout(wish: GraphWish): HubLayout {
  return {
    chooseGraphs: (paths) => chooseGraphs(paths, wish),
    adviseExport: (repository, index) => adviseExport(repository, index, 'hub'),
  }
}
