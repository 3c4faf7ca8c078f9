import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ModelPool } from './model-pool.ts'
import type { RunQueue } from './run-queue.ts'

const DRAWING_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

/** What operators watch, for Prometheus. */
export class ServerMetrics {
  readonly registry = new Registry()
  readonly #requests = new Counter({
    name: 'diffgentor_requests_total',
    help: 'Answered requests',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  })
  readonly #durations = new Histogram({
    name: 'diffgentor_request_seconds',
    help: 'Time from the first byte of a request to the head of its answer',
    labelNames: ['route'],
    buckets: [0.001, 0.005, ...DRAWING_BUCKETS],
    registers: [this.registry],
  })
  readonly #images = new Counter({
    name: 'diffgentor_images_total',
    help: 'Pictures drawn',
    labelNames: ['model', 'kind'],
    registers: [this.registry],
  })
  readonly #drawing = new Histogram({
    name: 'diffgentor_drawing_seconds',
    help: 'Time that one request kept a model busy',
    labelNames: ['model'],
    buckets: DRAWING_BUCKETS,
    registers: [this.registry],
  })
  readonly #failures = new Counter({
    name: 'diffgentor_failures_total',
    help: 'Requests that failed, by error code',
    labelNames: ['code'],
    registers: [this.registry],
  })

  constructor(queue: RunQueue, models: ModelPool) {
    collectDefaultMetrics({ register: this.registry })
    const registers = [this.registry]
    new Gauge({
      name: 'diffgentor_queue_waiting',
      help: 'Requests that wait',
      registers,
      collect() {
        this.set(queue.waiting)
      },
    })
    new Gauge({
      name: 'diffgentor_queue_running',
      help: 'Requests that are being drawn',
      registers,
      collect() {
        this.set(queue.running)
      },
    })
    new Gauge({
      name: 'diffgentor_model_loaded',
      help: '1 while a model is in memory',
      labelNames: ['model'],
      registers,
      collect() {
        for (const model of models.models) this.set({ model: model.id }, model.isLoaded ? 1 : 0)
      },
    })
  }

  countRequest(method: string, route: string, status: number, seconds: number): void {
    this.#requests.inc({ method, route, status })
    this.#durations.observe({ route }, seconds)
  }

  countDrawing(model: string, kind: 'generate' | 'edit', images: number, seconds: number): void {
    this.#images.inc({ model, kind }, images)
    this.#drawing.observe({ model }, seconds)
  }

  countFailure(code: string): void {
    this.#failures.inc({ code })
  }
}
