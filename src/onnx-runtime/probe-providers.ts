import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Whether an execution provider works here; `problem` is one line when it does not. */
export interface ProviderProbe {
  name: string
  works: boolean
  problem?: string
}

/** What the probing process answers. */
export interface ProbeReport {
  runtimeVersion: string
  providers: ProviderProbe[]
}

/**
 * Tries each execution provider that the runtime claims to have on a one-node graph. Only a trial session tells, and a
 * broken driver may take the process down, so it happens in a child.
 */
export async function probeProviders(): Promise<ProbeReport> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const child = fork(fileURLToPath(new URL(`./probe-process.${extension}`, import.meta.url)), {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
  })
  return await new Promise((resolve) => {
    child.once('message', (report) => resolve(report as ProbeReport))
    child.once('exit', (code, signal) => {
      const problem = `the trial ended with ${signal ?? `exit code ${code}`}`
      resolve({ runtimeVersion: 'unknown', providers: [{ name: 'cpu', works: false, problem }] })
    })
  })
}
