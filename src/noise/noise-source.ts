import { countElements, type Tensor } from '../tensor/tensor.ts'
import { type NoiseType, roundAllToType } from './noise-type.ts'
import { NumpyGenerator } from './numpy-generator.ts'
import { PhiloxGenerator } from './philox-generator.ts'
import { layIntoMiddle, type NoiseArea, type NoiseVariation, turnNoise } from './start-noise.ts'
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
  /** Turns the noise that a picture starts from. */
  variation?: NoiseVariation | undefined
  /** Draws the noise that a picture starts from for this area, and lays it into the middle. */
  drawnFor?: NoiseArea | undefined
}

/** One image's generator. Every draw moves it, so the order of draws is part of the picture. */
export interface NoiseSource {
  /** Standard normal noise. */
  normal(shape: readonly number[]): Tensor
  /** The noise [..., h, w] that a picture starts from: as `normal`, then varied as wished. */
  start(shape: readonly number[]): Tensor
}

/** Opens one image's generator. */
export function createNoiseSource(options: NoiseSourceOptions): NoiseSource {
  const normal = openGenerator(options)
  return { normal, start: (shape) => drawStart(options, normal, shape) }
}

type DrawNormal = NoiseSource['normal']

function openGenerator({ dtype, ...options }: NoiseSourceOptions): DrawNormal {
  const generator = createGenerator(options)
  return (shape) => ({ data: generator.normal(countElements(shape), dtype), shape: [...shape] })
}

/** Draws once from the picture's own generator, whatever is wished, so that all later draws stay the same. */
function drawStart(options: NoiseSourceOptions, normal: DrawNormal, shape: readonly number[]): Tensor {
  const { variation, drawnFor, dtype } = options
  const own = normal(shape)
  const drawnShape = drawnFor ? [...shape.slice(0, -2), drawnFor.height, drawnFor.width] : shape
  const isElsewhere = drawnShape.some((length, axis) => length !== shape[axis])
  const drawn = isElsewhere ? openGenerator(options)(drawnShape) : own
  const turned = variation?.strength ? turnTowards(drawn, { ...options, seed: variation.seed }, variation.strength) : drawn
  roundAllToType(dtype, turned.data)
  return isElsewhere ? layIntoMiddle(own, turned) : turned
}

function turnTowards(drawn: Tensor, other: NoiseSourceOptions, strength: number): Tensor {
  return turnNoise(drawn, openGenerator(other)(drawn.shape), strength)
}

function createGenerator({
  source,
  seed,
}: Pick<NoiseSourceOptions, 'source' | 'seed'>): TorchGenerator | NumpyGenerator | PhiloxGenerator {
  switch (source) {
    case 'torch-cpu':
      return new TorchGenerator(seed)
    case 'numpy':
      return new NumpyGenerator(seed)
    case 'philox':
      return new PhiloxGenerator(seed)
  }
}
