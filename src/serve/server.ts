import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type ServerType } from '@hono/node-server'
import type { Logger } from 'pino'
import type { BackendRegistry } from '../backends/registry.ts'
import type { ServeSettings } from '../config/settings.ts'
import { DiffgentorError } from '../errors.ts'
import { createFetcher, type Fetcher } from '../fetching/fetcher.ts'
import { createApp } from './app.ts'
import { Closing } from './closing.ts'
import { EmbeddingShelf } from './embedding-shelf.ts'
import { chooseFamilies } from './families/index.ts'
import { CallerLimits } from './http/caller-limits.ts'
import { openFieldLog } from './http/field-log.ts'
import { KeyRing } from './http/keys.ts'
import { WebGuard } from './http/web-guard.ts'
import { ImageStore } from './image-store.ts'
import { ServerMetrics } from './metrics.ts'
import { ModelPool } from './model-pool.ts'
import { RunQueue } from './run-queue.ts'
import type { Services } from './services.ts'
import { StandingLoras } from './standing-loras.ts'
import { warmUp } from './warm-up.ts'

const MEGABYTE = 1e6

/** Reading a request may take this long, its head a tenth of it; an answer may stand still this long. Milliseconds. */
const SLOW_CLIENT = 300_000

export interface ServerOptions {
  settings: ServeSettings
  registry: BackendRegistry
  log: Logger
  /** Replaces the guarded fetcher, in tests. */
  fetcher?: Fetcher
}

/** A server that listens. Models may still be loading. */
export interface RunningServer {
  /** Address of the server, such as `http://127.0.0.1:8000`. */
  readonly url: string
  /** Resolves when the models are open, and warm with `--warmup`; rejects when one cannot be opened. */
  readonly ready: Promise<void>
  readonly services: Services
  /** Takes no more requests, finishes those that were accepted, and frees everything. */
  drain(): Promise<void>
  /** Stops at once: connections are cut. */
  stop(): Promise<void>
}

/** Listens, then opens the models. Rejects with `invalid_configuration` when the port is taken. */
export async function startServer({ settings, registry, log, fetcher }: ServerOptions): Promise<RunningServer> {
  const keys = new KeyRing(settings.apiKey, settings.adminApiKey)
  const host = settings.host ?? (keys.isOn ? '0.0.0.0' : '127.0.0.1')
  const families = chooseFamilies(settings.families)
  const services = await createServices(settings, registry, log, fetcher)
  const guard = new WebGuard({
    hasKeys: keys.isOn,
    host,
    corsOrigins: settings.corsOrigin,
    allowedHosts: [...(settings.allowedHost ?? []), ...publicHost(settings.publicBaseUrl)],
  })
  const callers = new CallerLimits({ requestsPerMinute: settings.keyRpm, concurrency: settings.keyConcurrency })
  const app = createApp(services, { keys, callers, guard }, families)
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false })
  limitSlowClients(server as Server)
  await listen(server, host, settings.port).catch(async (error: unknown) => {
    await closeServices(services)
    throw error
  })
  return describeServer(server as Server, host, services)
}

async function createServices(
  settings: ServeSettings,
  registry: BackendRegistry,
  log: Logger,
  fetcher: Fetcher | undefined,
): Promise<Services> {
  const maxImage = settings.maxImage * MEGABYTE
  const models = new ModelPool(settings, registry)
  models.onUnload = (model) => log.info({ model: model.id }, 'model unloaded')
  models.onOtherName = (name) =>
    log.warn({ model: name.slice(0, 200) }, 'a model was named that is not served; the only one answers')
  const queue = new RunQueue({ maxConcurrent: settings.maxConcurrent, maxQueue: settings.maxQueue })
  return {
    settings,
    models,
    queue,
    loras: new StandingLoras(),
    embeddings: new EmbeddingShelf(settings.embeddingDir),
    store: settings.imageStore ? await ImageStore.open(settings.imageTtl) : undefined,
    fetcher: fetcher ?? createFetcher({ allowPrivate: settings.allowPrivateUrls, maxBytes: maxImage }),
    metrics: new ServerMetrics(queue, models),
    log,
    fieldLog: await openFieldLog(settings.debug, log),
    limits: { maxBody: settings.maxBody * MEGABYTE, maxImage },
    closing: new Closing(),
    startedAt: Math.floor(Date.now() / 1000),
  }
}

function describeServer(server: Server, host: string, services: Services): RunningServer {
  const { port } = server.address() as AddressInfo
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  void services.models.open(async (model) => {
    if (services.settings.warmup) await warmUp(services.models, model)
  })
  return {
    url: `http://${name.includes(':') ? `[${name}]` : name}:${port}`,
    ready: services.models.ready,
    services,
    drain: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      await Promise.all([services.closing.finish(), services.queue.close()])
      // Connections whose last answer is on its way become idle one by one.
      const sweeper = setInterval(() => server.closeIdleConnections(), 50)
      await closed
      clearInterval(sweeper)
      await closeServices(services)
    },
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await services.closing.stop()
      await closeServices(services)
    },
  }
}

async function closeServices(services: Services): Promise<void> {
  await services.models.close()
  await services.store?.close()
}

async function listen(server: ServerType, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  }).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'EADDRINUSE' ? 'it is taken; choose another one with --port' : cause.message
    throw new DiffgentorError('invalid_configuration', `Port ${port} of ${host} cannot be opened: ${reason}.`, {
      cause,
      field: 'port',
    })
  })
}

/** Whoever sends or reads too slowly loses the connection instead of holding it. */
function limitSlowClients(server: Server): void {
  server.headersTimeout = SLOW_CLIENT / 10
  server.requestTimeout = SLOW_CLIENT
  server.keepAliveTimeout = 65_000
  server.on('request', (_, response) => {
    // While nothing is written the connection may rest: a picture can take longer than any time-out.
    const { writeHead } = response
    response.writeHead = ((...head: Parameters<typeof writeHead>) => {
      response.setTimeout(SLOW_CLIENT)
      return writeHead.apply(response, head)
    }) as typeof writeHead
  })
}

function publicHost(url: string | undefined): string[] {
  return url !== undefined && URL.canParse(url) ? [new URL(url).hostname] : []
}
