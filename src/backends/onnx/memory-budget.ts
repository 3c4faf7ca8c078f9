import { readFileSync } from 'node:fs'
import { freemem } from 'node:os'
import type { Size } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import type { ModelDescription } from '../../pipelines/index.ts'

const MEGABYTE = 1e6

/** A process with Node.js and ONNX Runtime, before it holds a model. */
const PROCESS_BYTES = 200 * MEGABYTE

/** What a picture of a full-size Stable Diffusion model takes on its way: 1.2 GB at 512×512. */
const FULL_SIZE_BYTES_PER_PIXEL = 4800
const FULL_SIZE_WEIGHT_BYTES = 4.2e9

/** How much memory models may take, and how much one of them needs. */
export interface MemoryBudget {
  /** Bytes that all workers together may take. */
  readonly available: number
  /** Bytes of one worker that draws at this size. */
  needFor(size: Size): number
  /** How many workers fit that draw at this size; `out_of_memory` when not even one does. */
  countFitting(size: Size): number
}

/** Works out the budget of a model. `maxMemory` is in megabytes and replaces what is free. */
export function planMemory(
  description: ModelDescription,
  options: { maxMemory?: number | undefined; cpuOffload: boolean },
): MemoryBudget {
  const available = options.maxMemory === undefined ? availableMemory() : options.maxMemory * MEGABYTE
  const weights = options.cpuOffload ? largestStage(description) : description.memoryBytes
  // Activations grow with the width of the layers, weights with its square; larger models are deeper, not wider.
  const width = Math.min(1, Math.sqrt(description.memoryBytes / FULL_SIZE_WEIGHT_BYTES))
  const perPixel = FULL_SIZE_BYTES_PER_PIXEL * width
  const needFor = (size: Size) => PROCESS_BYTES + weights + perPixel * size.width * size.height
  return {
    available,
    needFor,
    countFitting(size) {
      const count = Math.floor(available / needFor(size))
      if (count < 1) throw outOfMemory(description, size, needFor(size), available)
      return count
    },
  }
}

/** Why a model must be held in parts although nobody asked for it: as a whole it is too large, in parts it fits. */
export function whyOffload(description: ModelDescription, maxMemory: number | undefined): string | undefined {
  const whole = planMemory(description, { maxMemory, cpuOffload: false })
  const parts = planMemory(description, { maxMemory, cpuOffload: true })
  const size = description.defaults
  if (whole.needFor(size) <= whole.available || parts.needFor(size) > parts.available) return undefined
  return `The whole model needs about ${gigabytes(whole.needFor(size))} of memory and ${gigabytes(whole.available)} may be used, so only the parts in use are kept in memory.`
}

/** Bytes of the parts that work together: all text encoders, the denoiser, or the VAE. */
function largestStage({ components, memoryBytes }: ModelDescription): number {
  const stages = new Map<string, number>()
  for (const { name, weightBytes } of components) {
    const stage = name.replace(/_.*/, '')
    stages.set(stage, (stages.get(stage) ?? 0) + weightBytes)
  }
  const stored = components.reduce((sum, { weightBytes }) => sum + weightBytes, 0)
  return stored === 0 ? 0 : (Math.max(0, ...stages.values()) / stored) * memoryBytes
}

function outOfMemory({ family }: ModelDescription, size: Size, need: number, available: number): DiffgentorError {
  return new DiffgentorError(
    'out_of_memory',
    `This ${family} model needs about ${gigabytes(need)} of memory at ${size.width}x${size.height} and ${gigabytes(available)} may be used; draw a smaller picture, add --enable_cpu_offload, choose a smaller model, or raise --max_memory if you know better.`,
  )
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`
}

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
