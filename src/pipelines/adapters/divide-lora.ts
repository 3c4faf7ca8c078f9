import { DiffgentorError } from '../../errors.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { LoraModule } from './lora-file.ts'
import { type LowRankUpdate, lowRankUpdate } from './lora-update.ts'

/**
 * Divides the LoRA of several layers fused into one among them: all share `down`, and each has its rows of `up`. In a transformer block every
 * layer but the last gives as many values as it takes (q, k, v), and the last gives the rest.
 *
 * @param modules underscored paths of the layers, in the order of their rows
 */
export function divideLora(lora: LoraModule, modules: readonly string[]): LoraModule[] {
  const update = lowRank(lora)
  const { down, up, rank } = update
  const [size, rows] = [down.data.length / rank, up.data.length / rank]
  if (rows <= size * (modules.length - 1)) {
    throw new DiffgentorError(
      'invalid_request',
      `The LoRA was made for another model: ${lora.module} gives ${rows} values, too few for ${modules.length} layers of ${size}.`,
      { field: 'loras' },
    )
  }
  return modules.map((module, index) => {
    const end = index === modules.length - 1 ? rows : (index + 1) * size
    return { ...lora, module, parts: { ...lora.parts, ...withoutIdleRanks(update, rowsOf(up, rank, index * size, end), lora) } }
  })
}

/** Exchanges the first half of a module's outputs with the second. */
export function swapHalves(lora: LoraModule): LoraModule {
  const { up, rank } = lowRank(lora)
  const half = up.data.length / 2
  const data = new Float32Array(up.data.length)
  data.set(up.data.subarray(half))
  data.set(up.data.subarray(0, half), up.data.length - half)
  return { ...lora, parts: { ...lora.parts, up: { data, shape: [data.length / rank, rank] } } }
}

function lowRank(lora: LoraModule): LowRankUpdate {
  const update = lowRankUpdate(lora)
  if (update !== undefined) return update
  throw new DiffgentorError(
    'unsupported',
    `The LoRA module ${lora.module} is of a kind (LoHa, LoKr, DoRA or a full difference) whose rows cannot be divided or moved; use a plain LoRA.`,
    { field: 'loras' },
  )
}

function rowsOf({ data }: Tensor, rank: number, start: number, end: number): Tensor {
  return { data: data.subarray(start * rank, end * rank), shape: [end - start, rank] }
}

/**
 * Layers that were trained apart and written as one have zeros where the ranks of the others stand; those ranks only cost time. Alpha shrinks
 * with the rank, so that the scale stays.
 */
function withoutIdleRanks({ down, rank }: LowRankUpdate, up: Tensor, { parts }: LoraModule): LoraModule['parts'] {
  const used = Array.from({ length: rank }, (_, index) => index).filter((column) => hasValues(up, column))
  if (used.length === rank || used.length === 0) return { down, up }
  const width = down.data.length / rank
  const [rows = 0] = up.shape
  const narrowDown = new Float32Array(used.length * width)
  const narrowUp = new Float32Array(rows * used.length)
  for (const [place, column] of used.entries()) {
    narrowDown.set(down.data.subarray(column * width, (column + 1) * width), place * width)
    for (let row = 0; row < rows; row++) narrowUp[row * used.length + place] = up.data[row * rank + column]!
  }
  const alpha = parts.alpha && { ...parts.alpha, data: parts.alpha.data.map((value) => (value * used.length) / rank) }
  return {
    down: { data: narrowDown, shape: [used.length, width] },
    up: { data: narrowUp, shape: [rows, used.length] },
    ...(alpha && { alpha }),
  }
}

function hasValues({ data, shape }: Tensor, column: number): boolean {
  const [, rank = 1] = shape
  for (let index = column; index < data.length; index += rank) if (data[index] !== 0) return true
  return false
}
