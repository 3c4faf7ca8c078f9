import { readFileSync } from 'node:fs'

interface ProcessStat {
  /** One letter; `Z` and `X` are processes that ended and were not yet collected. */
  state: string
  start: string
}

/** When a process began, as a text that differs between two processes that had the same id one after the other; undefined where the system does not tell. */
export function readProcessStart(pid: number): string | undefined {
  return readStat(pid)?.start
}

/** Whether a process of this machine lives, and is the one that began at `start`. */
export function isProcessAlive(pid: number, start: string | undefined): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const stat = readStat(pid)
  if (!stat) return true
  return stat.state !== 'Z' && stat.state !== 'X' && (start === undefined || stat.start === start)
}

/** Linux's word on a process (proc(5)); undefined elsewhere. */
function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    // Fields are counted from behind the command's name, which may hold blanks and brackets.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0]!, start: `${boot}:${fields[19]}` }
  } catch {
    return undefined
  }
}
