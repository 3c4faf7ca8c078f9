import { countElements, type Tensor } from '../tensor/tensor.ts'
import type { NoiseType } from './noise-type.ts'
import { NumpyGenerator } from './numpy-generator.ts'
import { PhiloxGenerator } from './philox-generator.ts'
import { TorchGenerator } from './torch-generator.ts'

/** Which library's numbers: torch on the CPU (the default everywhere), NumPy's RandomState, or torch on an NVIDIA device. */
export type NoiseKind = 'torch-cpu' | 'numpy' | 'philox'

/** Whose numbers, from which seed. */
export interface NoiseSourceOptions {
  source: NoiseKind
  /** Any integer. torch and NumPy take its low 32 bits, Philox the low 64. */
  seed: number | bigint
  /** Half types give other noise than float32 noise rounded, for short draws and odd lengths. */
  dtype: NoiseType
}

/** One image's generator. Every draw moves it, so the order of draws is part of the picture. */
export interface NoiseSource {
  /** Standard normal noise. */
  normal(shape: readonly number[]): Tensor
}

/** Opens one image's generator. */
export function createNoiseSource(options: NoiseSourceOptions): NoiseSource {
  const generator = createGenerator(options)
  return {
    normal: (shape) => ({ data: generator.normal(countElements(shape), options.dtype), shape: [...shape] }),
  }
}

function createGenerator({ source, seed }: NoiseSourceOptions): TorchGenerator | NumpyGenerator | PhiloxGenerator {
  switch (source) {
    case 'torch-cpu':
      return new TorchGenerator(seed)
    case 'numpy':
      return new NumpyGenerator(seed)
    case 'philox':
      return new PhiloxGenerator(seed)
  }
}
