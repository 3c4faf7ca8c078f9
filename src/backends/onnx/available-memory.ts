import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'

/** What the system can still give this program: memory without an owner, and what is left under the limit of its group. */
export function availableMemory(): number {
  const [, kilobytes] = /^MemAvailable:\s+(\d+) kB/m.exec(readText('/proc/meminfo') ?? '') ?? []
  const free = kilobytes === undefined ? freemem() : Number(kilobytes) * 1024
  return Math.min(free, ...groupLimits())
}

/** Bytes left under each limit that control groups put on this process. */
function groupLimits(): number[] {
  const groups = readText('/proc/self/cgroup')?.split('\n') ?? []
  const path = groups.find((line) => line.startsWith('0::'))?.slice(3) ?? '/'
  const parents = path.split('/').map((_, depth, parts) => parts.slice(0, depth + 1).join('/'))
  const unified = parents.map((parent) => {
    const folder = `/sys/fs/cgroup${parent}`
    return leftUnder(`${folder}/memory.max`, `${folder}/memory.current`, `${folder}/memory.stat`)
  })
  const legacy = '/sys/fs/cgroup/memory'
  return [
    ...unified,
    leftUnder(`${legacy}/memory.limit_in_bytes`, `${legacy}/memory.usage_in_bytes`, `${legacy}/memory.stat`),
  ].filter((left) => left !== undefined)
}

/** Pages of files that were not used lately are given up before a limit is reached. */
function leftUnder(limitFile: string, usageFile: string, statFile: string): number | undefined {
  const limit = Number(readText(limitFile)?.trim())
  const usage = Number(readText(usageFile)?.trim())
  if (!Number.isFinite(limit) || !Number.isFinite(usage)) return undefined
  const inactive = Number(/^(?:total_)?inactive_file (\d+)/m.exec(readText(statFile) ?? '')?.[1] ?? 0)
  return Math.max(0, limit - usage + inactive)
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
