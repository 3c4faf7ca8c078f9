import type { Family } from '../family.ts'
import { registerDocs } from './docs-routes.ts'
import { registerHealth } from './health-route.ts'
import { registerMetrics } from './metrics-route.ts'

/** What every server of ours has: health, metrics and documentation. */
export const diffgentorFamily: Family = {
  register(book, services) {
    registerHealth(book, services)
    registerMetrics(book, services)
    registerDocs(book)
  },
}
