import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { lastStatuses, listPictures, makeFolder, readLedger } from '../batch/batch-harness.ts'
import { CLI, runCli, startCli } from '../support/run-cli.ts'

/** One row that is done at once, then slow ones: enough to outlast whoever sends the signal. */
const SLOW_ROWS = ['first', ...Array.from({ length: 99 }, (_, row) => `[delay:1500] row ${row}`)]

function writePrompts(prompts: readonly string[]): string {
  const file = join(makeFolder(), 'prompts.txt')
  writeFileSync(file, prompts.map((prompt) => `${prompt}\n`).join(''))
  return file
}

function argsOf(file: string, folder: string, ...more: string[]): string[] {
  return ['t2i', '--backend', 'fake', '--prompts_file', file, '--output_dir', folder, '--seed', '5', ...more]
}

/** Collects what a stream brings, and tells when a text has come. */
class Listener {
  text = ''
  readonly #stream: Readable

  constructor(stream: Readable) {
    this.#stream = stream
    stream.setEncoding('utf8').on('data', (part: string) => {
      this.text += part
    })
  }

  async until(wanted: string): Promise<void> {
    while (!this.text.includes(wanted)) await once(this.#stream, 'data')
  }
}

/** Starts a run and waits until its first row is done. */
async function startRun(args: readonly string[]) {
  const child = startCli([...args, '--json'])
  child.stdin!.end()
  const [results, messages] = [new Listener(child.stdout!), new Listener(child.stderr!)]
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  await results.until('\n')
  return { child, results, messages, ended }
}

describe('a run that is asked to end', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)(
    'by %s finishes the rows in flight, writes its tables and leaves the rest to the next run',
    async (signal, code) => {
      const folder = makeFolder()
      const args = argsOf(writePrompts(SLOW_ROWS), folder, '--output_csv', join(folder, 'results.csv'), '--contact_sheet')
      const { child, messages, ended } = await startRun(args)
      child.kill(signal)
      expect((await ended)[0]).toBe(code)
      const done = Object.values(lastStatuses(folder))
      expect(new Set(done)).toEqual(new Set(['done']))
      expect(done.length).toBeGreaterThan(1)
      expect(done.length).toBeLessThan(SLOW_ROWS.length)
      expect(Object.keys(listPictures(folder))).toHaveLength(done.length)
      expect(readFileSync(join(folder, 'results.csv'), 'utf8').trim().split('\n')).toHaveLength(1 + done.length)
      expect(existsSync(join(folder, 'contact-sheet.html'))).toBe(true)
      expect(messages.text).toContain(`${SLOW_ROWS.length - done.length} row(s) are pending`)
    },
  )

  it('twice stops at once and keeps what is recorded', async () => {
    const folder = makeFolder()
    const file = writePrompts(['first', ...Array.from({ length: 40 }, (_, row) => `[hang] row ${row}`)])
    const { child, messages, ended } = await startRun(argsOf(file, folder))
    child.kill('SIGINT')
    await messages.until('Once more stops at once.')
    child.kill('SIGINT')
    expect((await ended)[0]).toBe(130)
    expect(lastStatuses(folder)).toEqual({ 0: 'done' })
    expect(Object.keys(listPictures(folder))).toEqual(['000000.png'])
  })
})

describe('a run whose reader leaves', () => {
  it('ends like one that was asked once to', async () => {
    const folder = makeFolder()
    const { child, messages, ended } = await startRun(argsOf(writePrompts(SLOW_ROWS), folder))
    child.stdout!.destroy()
    expect((await ended)[0]).toBe(141)
    expect(messages.text).not.toContain('Stopping now')
    const done = readLedger(folder).length
    expect(done).toBeGreaterThan(1)
    expect(done).toBeLessThan(SLOW_ROWS.length)
  })

  it('goes on when only its messages are not read any more', async () => {
    const folder = makeFolder()
    const prompts = SLOW_ROWS.slice(0, 20)
    const { child, ended } = await startRun(argsOf(writePrompts(prompts), folder, '--progress_interval', '0.1'))
    child.stderr!.destroy()
    expect((await ended)[0]).toBe(0)
    expect(readLedger(folder)).toHaveLength(prompts.length)
  })
})

describe.skipIf(process.platform === 'win32')('a run on a full disk', () => {
  it('stops with rows pending and no torn file, and goes on after space is made', async () => {
    const folder = makeFolder()
    const whole = makeFolder()
    const file = writePrompts(Array.from({ length: 40 }, (_, row) => `row ${row}`))
    expect((await runCli(argsOf(file, whole))).code).toBe(0)
    const limited = spawn('sh', ['-c', 'ulimit -f 8; exec "$0" "$@"', process.execPath, CLI, ...argsOf(file, folder)])
    limited.stdout.resume()
    const messages = new Listener(limited.stderr)
    expect((await once(limited, 'close'))[0]).toBe(1)
    expect(messages.text).toContain('The run ended early')
    expect(messages.text).toContain('pending')
    const pictures = listPictures(whole)
    for (const [name, hash] of Object.entries(listPictures(folder))) expect(hash).toBe(pictures[name])
    expect((await runCli(argsOf(file, folder))).code).toBe(0)
    expect(listPictures(folder)).toEqual(pictures)
  })

  it.skipIf(!existsSync('/dev/full'))('says in one sentence that its results cannot be written', async () => {
    const full = openSync('/dev/full', 'w')
    const args = argsOf(writePrompts(SLOW_ROWS), makeFolder(), '--json', '--no_progress')
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    const messages = new Listener(child.stderr!)
    expect((await once(child, 'close'))[0]).toBe(1)
    expect(messages.text.split('\n')[0]).toBe(
      'The disk is full: Standard output cannot be written; make space and start the same command again.',
    )
  })
})
