import { DiffgentorError } from '../../errors.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { LoraModule } from './lora-file.ts'
import { kronecker, multiplyMatrices, tuckerProduct } from './matrix-products.ts'

/** A low-rank update: `up · down`, scaled. */
export interface LowRankUpdate {
  /** [rank, in] or [rank, in, h, w]. */
  down: Tensor
  /** [out, rank] or [out, rank, 1, 1]. */
  up: Tensor
  rank: number
  /** Alpha over rank: factor for weight 1. */
  scale: number
}

/** The two matrices of a plain LoRA or LoCon; undefined for kinds that are not low-rank products (LoHa, LoKr, full differences, DoRA). */
export function lowRankUpdate({ parts }: LoraModule): LowRankUpdate | undefined {
  const { down, up, mid, magnitude } = parts
  if (down === undefined || up === undefined || mid !== undefined || magnitude !== undefined) return undefined
  const rank = down.shape[0] ?? 0
  return { down, up, rank, scale: alphaScale(parts.alpha, rank) }
}

/**
 * The update of a module's weight as a whole, in PyTorch's layout ([out, in] or [out, in, h, w], flattened), for weight 1; without DoRA's
 * normalization. Formulas of LyCORIS (arXiv 2309.14859): LoCon, LoHa, LoKr.
 */
export function fullUpdate({ module, parts }: LoraModule): Float32Array {
  if (parts.down && parts.up) {
    const rank = parts.down.shape[0] ?? 0
    const product = parts.mid
      ? tuckerProduct(parts.mid, parts.up, parts.down)
      : multiplyMatrices(flat(parts.up), flat(parts.down))
    return scaled(product, alphaScale(parts.alpha, rank))
  }
  if (parts.hada_w1_a && parts.hada_w1_b && parts.hada_w2_a && parts.hada_w2_b) return hadamardUpdate(parts)
  if (parts.lokr_w1 || parts.lokr_w1_a) return kroneckerUpdate(parts)
  if (parts.difference) return parts.difference.data
  throw new DiffgentorError(
    'model_unreadable',
    `The LoRA module ${module} lacks one of its tensors (it has ${Object.keys(parts).join(', ')}).`,
    {
      field: 'loras',
    },
  )
}

/** Alpha counts against the rank; a file without it was trained with a factor of 1. */
function alphaScale(alpha: Tensor | undefined, rank: number): number {
  const value = alpha?.data[0]
  return value === undefined || rank === 0 ? 1 : value / rank
}

function hadamardUpdate(parts: LoraModule['parts']): Float32Array {
  const [left, right] = [
    combine(parts.hada_w1_a!, parts.hada_w1_b!, parts.hada_t1),
    combine(parts.hada_w2_a!, parts.hada_w2_b!, parts.hada_t2),
  ]
  const scale = alphaScale(parts.alpha, parts.hada_w1_b!.shape[0] ?? 0)
  return left.data.map((value, index) => value * right.data[index]! * scale)
}

function kroneckerUpdate(parts: LoraModule['parts']): Float32Array {
  const left = parts.lokr_w1 ?? combine(parts.lokr_w1_a!, parts.lokr_w1_b!, undefined)
  const right = parts.lokr_w2 ?? combine(parts.lokr_w2_a!, parts.lokr_w2_b!, parts.lokr_t2)
  const factor = parts.lokr_w2_b ?? parts.lokr_w1_b
  // Two whole factors leave no rank to count alpha against.
  return scaled(kronecker(left, right), factor === undefined ? 1 : alphaScale(parts.alpha, factor.shape[0] ?? 0))
}

/** `a · b`; with a core tensor the Tucker product, for which LyCORIS stores both factors with the rank first. */
function combine(a: Tensor, b: Tensor, core: Tensor | undefined): Tensor {
  if (core !== undefined) {
    const outputs = a.shape[1] ?? 0
    const inputs = b.shape[1] ?? 0
    return { data: tuckerProduct(core, transpose(a), b), shape: [outputs, inputs, ...core.shape.slice(2)] }
  }
  const right = flat(b)
  return { data: multiplyMatrices(a, right), shape: [a.shape[0] ?? 0, right.shape[1] ?? 0] }
}

/** Everything after the first axis as one. */
function flat({ data, shape }: Tensor): Tensor {
  const rows = shape[0] ?? 1
  return { data, shape: [rows, data.length / rows] }
}

export function transpose({ data, shape }: Tensor): Tensor {
  const [rows = 0, columns = 0] = shape
  const turned = new Float32Array(data.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = data[row * columns + column]!
  }
  return { data: turned, shape: [columns, rows] }
}

function scaled(values: Float32Array, factor: number): Float32Array {
  return factor === 1 ? values : values.map((value) => value * factor)
}
