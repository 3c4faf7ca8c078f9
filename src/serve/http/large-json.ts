import { Worker } from 'node:worker_threads'
import { DiffgentorError } from '../../errors.ts'

/**
 * The worker's program. It is text because a worker file would need its own build step to run from sources. Long strings
 * that can only be pictures leave it decoded and moved, not copied, so that this thread never touches their characters.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const moved = []
let count = 0
const decode = (key, value) => {
  if (++count > 1e6) throw new Error('it holds more than a million values')
  if (typeof value !== 'string' || value.length < 65536) return value
  const head = /^data:[^,]{0,100};base64,/.exec(value.slice(0, 128))
  const text = head ? value.slice(head[0].length) : value
  if (!/^[A-Za-z0-9+/_=\\s-]*$/.test(text)) return value
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'))
  moved.push(bytes.buffer)
  return bytes
}
let answer
try {
  answer = { value: JSON.parse(new TextDecoder().decode(workerData), decode) }
} catch (error) {
  answer = { fault: String(error.message) }
}
parentPort.postMessage(answer, moved)
`

/** Bodies parsed at once; more wait, so that many large ones do not start as many threads. */
const MAX_WORKERS = 2
const waiting: (() => void)[] = []
let running = 0

/** Parses a large JSON body in a worker thread: at hundreds of megabytes a second it would hold up everyone else. */
export async function parseLargeJson(bytes: Uint8Array): Promise<unknown> {
  if (running >= MAX_WORKERS) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    return await parseInWorker(bytes)
  } finally {
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

async function parseInWorker(bytes: Uint8Array): Promise<unknown> {
  const isWhole = bytes.buffer.byteLength === bytes.byteLength
  const transferList = isWhole ? [bytes.buffer as ArrayBuffer] : []
  const answer = await new Promise<{ value?: unknown; fault?: string }>((resolve, reject) => {
    const worker = new Worker(PROGRAM, { eval: true, workerData: bytes, transferList })
    worker.once('message', resolve)
    // A thread that runs out of memory ends alone.
    worker.once('error', (cause) => reject(new DiffgentorError('request_too_large', 'The body holds too much.', { cause })))
  })
  if (answer.fault === undefined) return answer.value
  throw new DiffgentorError('invalid_request', 'The body is not valid JSON.', { cause: answer.fault })
}
