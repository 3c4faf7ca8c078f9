import type { ImageWarning } from '../contract/index.ts'

/** Warnings of one request, each once. */
export class WarningList {
  readonly list: ImageWarning[] = []

  constructor(first: readonly ImageWarning[]) {
    for (const warning of first) this.add(warning)
  }

  add(warning: ImageWarning): void {
    const isKnown = this.list.some(({ field, detail }) => field === warning.field && detail === warning.detail)
    if (!isKnown) this.list.push(warning)
  }
}
