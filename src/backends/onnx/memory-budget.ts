import type { Size } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import type { ModelComponent, ModelDescription } from '../../pipelines/index.ts'
import { availableMemory } from './available-memory.ts'

const MEGABYTE = 1e6

/** A process with Node.js and ONNX Runtime, before it holds a model. */
const PROCESS_BYTES = 200 * MEGABYTE

/** What a picture of a full-size Stable Diffusion model takes on its way: 1.2 GB at 512×512. */
const FULL_SIZE_BYTES_PER_PIXEL = 4800
const FULL_SIZE_WEIGHT_BYTES = 4.2e9

/**
 * Where a model's weights are: `held` by each process for itself, `shared` by all of them, mapped from optimized copies, or left `mapped` in the
 * model's own files, from which they are read again where memory is short.
 */
export type WeightPlacement = 'held' | 'shared' | 'mapped'

/** How a model is kept. */
export interface Residence {
  /** Only the parts that work together are open at a time. */
  cpuOffload: boolean
  weights: WeightPlacement
}

/** How much memory models may take, and how much one of them needs. */
export interface MemoryBudget {
  /** Bytes that all workers together may take. */
  readonly available: number
  /** Bytes of one worker that draws at this size. */
  needFor(size: Size): number
  /**
   * How many workers fit that draw at this size; `out_of_memory` when not even one does.
   *
   * @param isChanged the request changes the graphs, as LoRAs do: of such graphs every worker holds its own
   */
  countFitting(size: Size, isChanged?: boolean): number
}

/** Works out the budget of a model. `maxMemory` is in megabytes and replaces what is free. */
export function planMemory(
  description: ModelDescription,
  { maxMemory, cpuOffload, weights: placement }: Residence & { maxMemory?: number | undefined },
): MemoryBudget {
  const available = maxMemory === undefined ? availableMemory() : maxMemory * MEGABYTE
  const parts = placement === 'mapped' ? description.components.filter(isExpanded) : description.components
  const weights = cpuOffload ? largestStage(parts) : parts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  // Activations grow with the width of the layers, weights with its square; larger models are deeper, not wider.
  const width = Math.min(1, Math.sqrt(description.memoryBytes / FULL_SIZE_WEIGHT_BYTES))
  const perPixel = FULL_SIZE_BYTES_PER_PIXEL * width
  const workFor = (size: Size) => PROCESS_BYTES + perPixel * size.width * size.height
  const needFor = (size: Size) => weights + workFor(size)
  return {
    available,
    needFor,
    countFitting(size, isChanged = false) {
      const isShared = placement === 'shared' && !isChanged
      const count = Math.floor(isShared ? (available - weights) / workFor(size) : available / needFor(size))
      if (count < 1) throw outOfMemory(description, size, { need: needFor(size), available, cpuOffload })
      return count
    },
  }
}

/** Half precision is computed with as float32, which no file holds. */
function isExpanded({ memoryBytes, weightBytes }: ModelComponent): boolean {
  return memoryBytes > weightBytes
}

/** Bytes of the parts that work together: all text encoders, the denoiser, or the VAE. */
function largestStage(components: readonly ModelComponent[]): number {
  const stages = new Map<string, number>()
  for (const { name, memoryBytes } of components) {
    const stage = name.replace(/_.*/, '')
    stages.set(stage, (stages.get(stage) ?? 0) + memoryBytes)
  }
  return Math.max(0, ...stages.values())
}

function outOfMemory(
  { family }: ModelDescription,
  size: Size,
  { need, available, cpuOffload }: { need: number; available: number; cpuOffload: boolean },
): DiffgentorError {
  const further = cpuOffload ? '' : 'add --enable_cpu_offload, '
  return new DiffgentorError(
    'out_of_memory',
    `This ${family} model needs about ${gigabytes(need)} of memory at ${size.width}x${size.height} and ${gigabytes(available)} may be used; draw a smaller picture, ${further}choose a smaller model, or raise --max_memory if you know better.`,
  )
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`
}
