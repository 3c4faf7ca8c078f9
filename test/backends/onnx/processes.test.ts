import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { openOnnxBackend } from '../../../dist/backends/onnx/onnx-backend.js'
import { type BackendSettings, SHARED_SETTINGS, withDefaults } from '../../../src/config/settings.ts'
import type { ImageBackend, ImageRequest, Progress } from '../../../src/contract/index.ts'
import { fixturePath } from '../../support/fixtures.ts'
import { listProcesses } from '../../support/processes.ts'

let cacheDir: string
let backend: ImageBackend | undefined
beforeAll(() => {
  cacheDir = mkdtempSync(join(tmpdir(), 'diffgentor-processes-'))
})
afterEach(async () => {
  vi.useRealTimers()
  await backend?.[Symbol.asyncDispose]()
  backend = undefined
})
afterAll(() => rmSync(cacheDir, { recursive: true }))

const never = new AbortController().signal
const SMALL: ImageRequest = { prompt: 'x', numImages: 1, seeds: [1], size: { width: 64, height: 64 }, numInferenceSteps: 3 }
const LONG: ImageRequest = { ...SMALL, numInferenceSteps: 900 }

async function openTiny(values: Partial<BackendSettings> = {}): Promise<ImageBackend> {
  const tiny = { cacheDir, modelName: fixturePath('models/sd15-tiny'), numWorkers: 1 }
  backend = await openOnnxBackend(withDefaults(SHARED_SETTINGS, { ...tiny, ...values }))
  return backend
}

/** The processes that hold a model for a process. */
function workersOf(parent: number | undefined): number[] {
  const workers = listProcesses().filter((facts) => facts.parent === parent && facts.command.includes('worker-process'))
  return workers.map(({ pid }) => pid)
}

function isRunning(pid: number): boolean {
  return listProcesses().some((facts) => facts.pid === pid && facts.isAlive)
}

const onFirstStep = (act: () => void) => (event: Progress) => {
  if (event.phase === 'step-end' && event.step === 1) act()
}
const pixelsOf = async (drawn: ReturnType<ImageBackend['run']>) => (await drawn).images[0]!.picture

describe('a process that draws', () => {
  it('is not there before the first picture', async () => {
    await openTiny()
    expect(workersOf(process.pid)).toEqual([])
  })

  it('costs one request when it is killed, and a fresh one draws the same', async () => {
    const { run } = await openTiny().then((opened) => ({ run: opened.run.bind(opened) }))
    const before = await pixelsOf(run(SMALL, { signal: never }))
    const [pid] = workersOf(process.pid)
    const onProgress = onFirstStep(() => process.kill(pid!, 'SIGKILL'))
    await expect(run(LONG, { signal: never, onProgress })).rejects.toMatchObject({
      code: 'worker_crashed',
      message: expect.stringContaining('SIGKILL'),
    })
    expect(await pixelsOf(run(SMALL, { signal: never }))).toEqual(before)
    expect(workersOf(process.pid)).not.toContain(pid)
  })

  it('does not take waiting requests with it when it is killed', async () => {
    const opened = await openTiny()
    await opened.run(SMALL, { signal: never })
    const onProgress = onFirstStep(() => process.kill(workersOf(process.pid)[0]!, 'SIGKILL'))
    const killed = opened.run(LONG, { signal: never, onProgress })
    const waiting = [opened.run(SMALL, { signal: never }), opened.run(SMALL, { signal: never })]
    await expect(killed).rejects.toMatchObject({ code: 'worker_crashed' })
    expect(await Promise.all(waiting)).toHaveLength(2)
  })

  it('is not given what cannot be sent to it, and draws on', async () => {
    const opened = await openTiny()
    const odd = { ...SMALL, extra: { callback: () => 1 } }
    await expect(opened.run(odd, { signal: never })).rejects.toMatchObject({ code: 'invalid_request' })
    expect((await opened.run(SMALL, { signal: never })).images).toHaveLength(1)
  })

  it('lives on when a request is cancelled between two steps', async () => {
    const opened = await openTiny()
    const control = new AbortController()
    const onProgress = onFirstStep(() => control.abort(new Error('enough')))
    await expect(opened.run(LONG, { signal: control.signal, onProgress })).rejects.toThrow('enough')
    const pids = workersOf(process.pid)
    await opened.run(SMALL, { signal: never })
    expect(workersOf(process.pid)).toEqual(pids)
  })

  it('lives on when a request is cancelled that waits behind a long one', async () => {
    const opened = await openTiny()
    const control = new AbortController()
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const onProgress = onFirstStep(() => {
      control.abort(new Error('enough'))
      vi.advanceTimersByTime(60_000)
    })
    const drawn = opened.run({ ...SMALL, numInferenceSteps: 30 }, { signal: never, onProgress })
    await expect(opened.run(SMALL, { signal: control.signal })).rejects.toThrow('enough')
    expect((await drawn).images).toHaveLength(1)
  })

  it('is gone at once when the backend is closed in mid-picture', async () => {
    const opened = await openTiny()
    const closed: PromiseLike<void>[] = []
    const onProgress = onFirstStep(() => closed.push(opened[Symbol.asyncDispose]()))
    await expect(opened.run(LONG, { signal: never, onProgress })).rejects.toMatchObject({ code: 'cancelled' })
    await Promise.all(closed)
    expect(workersOf(process.pid)).toEqual([])
    await expect(opened.run(SMALL, { signal: never })).rejects.toMatchObject({ code: 'cancelled' })
  })

  it('is replaced after so many pictures', async () => {
    const opened = await openTiny({ recycleAfter: 1 })
    await opened.run(SMALL, { signal: never })
    const [first] = workersOf(process.pid)
    const both = await Promise.all([opened.run(SMALL, { signal: never }), opened.run(SMALL, { signal: never })])
    expect(workersOf(process.pid)).not.toContain(first)
    expect(both[0].images[0]!.picture).toEqual(both[1].images[0]!.picture)
  })

  it('is replaced when it has grown too large', async () => {
    const opened = await openTiny({ maxRss: 64 })
    await opened.run(SMALL, { signal: never })
    const [first] = workersOf(process.pid)
    await opened.run(SMALL, { signal: never })
    expect(workersOf(process.pid)).not.toContain(first)
  })

  it('gives its memory back by ending when the model is unloaded', async () => {
    const opened = await openTiny()
    await opened.run(SMALL, { signal: never })
    await opened.unload!()
    expect(workersOf(process.pid)).toEqual([])
  })

  it('leaves the event loop of its parent free', async () => {
    const opened = await openTiny({ modelName: 'emoji' })
    let ticks = 0
    let steps = 0
    const timer = setInterval(() => ticks++, 1)
    const onProgress = (event: Progress) => {
      if (event.phase === 'step-end') steps++
    }
    await opened.run({ prompt: 'a fox', numImages: 1, numInferenceSteps: 8 }, { signal: never, onProgress })
    clearInterval(timer)
    expect(steps).toBe(8)
    // In one process a timer would get a turn or two between steps, which take tens of milliseconds here.
    expect(ticks).toBeGreaterThan(steps * 5)
  })
})

describe('a program that draws', () => {
  const script = (end: string) => `
    import { openOnnxBackend } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../dist/backends/onnx/onnx-backend.js')))}
    import { SHARED_SETTINGS, withDefaults } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../dist/config/settings.js')))}
    const settings = { cacheDir: ${JSON.stringify(cacheDir)}, modelName: ${JSON.stringify(fixturePath('models/sd15-tiny'))}, numWorkers: 2 }
    const backend = await openOnnxBackend(withDefaults(SHARED_SETTINGS, settings))
    const signal = new AbortController().signal
    const small = ${JSON.stringify(SMALL)}
    ${end}`
  const start = (end: string) =>
    spawn(process.execPath, ['--input-type=module', '-e', script(end)], { stdio: ['ignore', 'pipe', 'inherit'] })

  it('leaves no process behind when it is killed while two draw', async () => {
    const parent = start(`
      let begun = 0
      const onProgress = ({ phase, step }) => { if (phase === 'step-end' && step === 1 && ++begun === 2) console.log('drawing') }
      await backend.run({ ...small, numImages: 2, seeds: [1, 2], numInferenceSteps: 900 }, { signal, onProgress })`)
    await once(parent.stdout, 'data')
    const pids = workersOf(parent.pid)
    expect(pids).toHaveLength(2)
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(pids.filter(isRunning)).toEqual([]), { timeout: 30_000, interval: 100 })
  })

  it('ends by itself when it has drawn, even if it forgets to close the backend', async () => {
    const parent = start(`await backend.run(small, { signal })`)
    const [code] = await once(parent, 'exit')
    expect(code).toBe(0)
  })
})
