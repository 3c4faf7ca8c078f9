import type { ChildProcess } from 'node:child_process'
import { expect, onTestFinished } from 'vitest'
import { type CliOptions, startCli } from '../support/run-cli.ts'
import { type Json, readJson } from './test-server.ts'

/** A server started as a command. */
export interface ServedCommand {
  url: string
  child: ChildProcess
  stderr: () => string
  /** Resolves to the exit code. */
  ended: Promise<number | null>
}

/** Starts `diffgentor serve` on a free port and waits until it is ready; it ends with the test. */
export async function startServe(args: readonly string[], options: CliOptions = {}): Promise<ServedCommand> {
  const child = startCli(['serve', '--port', '0', ...args], options)
  onTestFinished(() => void child.kill('SIGKILL'))
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const url = await new Promise<string>((resolve, reject) => {
    let stdout = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const found = /http:\/\/[\w.:[\]]+/.exec(stdout)
      if (found && stdout.includes('\n')) resolve(found[0])
    })
    child.once('close', () => reject(new Error(`The server ended: ${stderr}`)))
  })
  await expect.poll(async () => (await fetch(`${url}/health`)).status, { timeout: 60_000 }).toBe(200)
  return { url, child, stderr: () => stderr, ended }
}

/** An answer's JSON; with a body it is posted. */
export async function fetchJson(url: string, path: string, body?: unknown): Promise<Json> {
  return await readJson(await fetch(url + path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }))
}
