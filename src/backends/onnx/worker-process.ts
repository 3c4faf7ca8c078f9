import { Worker } from 'node:worker_threads'
import { openPipeline, type Pipeline, type PipelineOptions } from '../../pipelines/index.ts'
import { type FromWorker, packError, type ToWorker, type WorkerAnswer } from './worker-protocol.ts'

// The process that holds a model. Its parent ends it; signals from a terminal go to the parent, which lets the work finish.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(0))

type Work = Extract<ToWorker, { id: number }>

let options: PipelineOptions | undefined
let pipeline: Pipeline | undefined
let queue: Promise<void> = Promise.resolve()
const aborts = new Map<number, AbortController>()

process.on('message', (message: ToWorker) => {
  if (message.type === 'open') {
    options = message.options
  } else if (message.type === 'cancel') {
    aborts.get(message.id)?.abort()
  } else {
    aborts.set(message.id, new AbortController())
    queue = queue.then(() => work(message))
  }
})

async function work(message: Work): Promise<void> {
  const { id } = message
  const signal = aborts.get(id)!.signal
  try {
    signal.throwIfAborted()
    await send({ type: 'start', id })
    // A folder that could not be opened is tried again with the next piece of work.
    pipeline ??= await openPipeline(options!)
    const opened = pipeline
    const before = opened.runtimeMs
    const given = await perform(opened, message, signal)
    const answer = { ...given, residentBytes: process.memoryUsage.rss(), runtimeMs: opened.runtimeMs - before }
    await send({ type: 'done', id, answer })
  } catch (thrown) {
    await send({ type: 'error', id, error: packError(thrown) })
  } finally {
    aborts.delete(id)
  }
}

async function perform(opened: Pipeline, message: Work, signal: AbortSignal): Promise<Partial<WorkerAnswer>> {
  const onProgress = (event: Extract<FromWorker, { type: 'progress' }>['event']) => {
    if (event.phase !== 'start') void send({ type: 'progress', id: message.id, event })
  }
  const context = { signal, onProgress }
  switch (message.type) {
    case 'draw':
      return { result: await opened.run(message.request, { ...context, previewEvery: message.previewEvery }) }
    case 'describe':
      return { text: (await opened.reader!.describe(message.request, context)).text }
    case 'embed':
      return { embedding: await opened.reader!.embed(message.image, context) }
    case 'enlarge':
      return { picture: await opened.enlarge(message.picture, message.upscaler, context) }
    case 'warm-up':
      await opened.warmUp(context)
      return {}
    default:
      return {}
  }
}

/** Resolves when the message has left, so that the next run, which blocks this process, does not hold it back. */
function send(message: FromWorker): Promise<void> {
  return new Promise((resolve) => {
    if (!process.send) process.exit(0)
    process.send(message, undefined, {}, () => resolve())
  })
}

/**
 * A run inside ONNX Runtime blocks this process for as long as a step takes, so it cannot see by itself that its parent is gone.
 * A thread of its own looks once a second.
 */
const WATCH_PARENT = `
const parent = process.ppid
setInterval(() => {
  try {
    if (process.ppid === parent) process.kill(parent, 0)
    else process.kill(process.pid, 'SIGKILL')
  } catch { process.kill(process.pid, 'SIGKILL') }
}, 1000)`

new Worker(WATCH_PARENT, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 } }).unref()
