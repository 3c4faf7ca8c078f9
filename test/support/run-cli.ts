import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The built program: `npm test` builds before it tests. */
export const CLI = fileURLToPath(new URL('../../bin/diffgentor.js', import.meta.url))

export interface CliOptions {
  cwd?: string
  /** Variables over a clean environment. */
  environment?: Record<string, string>
  /** What stdin holds. Default: nothing. */
  input?: string
}

export interface CliResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

const CLEAN_ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(DG_|OPENAI_|GEMINI_|GOOGLE_|HF_|API_KEY|ADMIN_API_KEY)/.test(name)),
)

/** Starts the program as a child process in a process group of its own. */
export function startCli(args: readonly string[], { cwd, environment = {} }: CliOptions = {}): ChildProcess {
  return spawn(process.execPath, [CLI, ...args], { cwd, env: { ...CLEAN_ENVIRONMENT, ...environment }, detached: true })
}

/** Runs the program to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = startCli(args, options)
  let stdout = ''
  let stderr = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin!.end(options.input ?? '')
  return await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
}
