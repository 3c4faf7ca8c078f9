import type { RouteBook } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'

export function registerMetrics(book: RouteBook, { metrics, settings }: Services): void {
  book.add(
    {
      method: 'get',
      path: '/metrics',
      tag: 'diffgentor',
      summary: 'Figures for Prometheus',
      access: settings.metricsPublic ? 'public' : 'key',
      answers: [{ status: 200, description: 'Prometheus text format', type: 'text/plain' }],
    },
    async () => new Response(await metrics.registry.metrics(), { headers: { 'content-type': metrics.registry.contentType } }),
  )
}
