import type { Tensor } from '../../../tensor/tensor.ts'
import type { TokenGrid } from '../../tokens.ts'

/** What the language model made of a prompt. */
export interface PromptStates {
  /** [1, length, width] */
  states: Tensor
  /** Tokens. */
  length: number
}

/** Pictures that the denoiser keeps to. */
export interface PicturesToKeep {
  /** Their latents as tokens [1, n, width]. */
  tokens: readonly Tensor[]
  grids: readonly TokenGrid[]
}

/** Leaves out the states of the template before the prompt, and those beyond the `longest`. */
export function keepPrompt({ data, shape }: Tensor, template: number, longest: number): PromptStates {
  const [, count = 0, width = 0] = shape
  const length = Math.min(Math.max(0, count - template), longest)
  return { states: { data: data.subarray(template * width, (template + length) * width), shape: [1, length, width] }, length }
}
