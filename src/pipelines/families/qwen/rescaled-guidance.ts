import type { Tensor } from '../../../tensor/tensor.ts'

const { fround } = Math

/** Classifier-free guidance whose every token keeps the length that it has without guidance. Both are [1, tokens, width]. */
export function guideKeepingLengths(negative: Tensor, positive: Tensor, scale: number): Tensor {
  const width = positive.shape.at(-1)!
  const factor = fround(scale)
  const data = new Float32Array(positive.data.length)
  for (let start = 0; start < data.length; start += width) {
    let squares = 0
    let guidedSquares = 0
    for (let i = start; i < start + width; i++) {
      const within = positive.data[i]!
      const without = negative.data[i]!
      const guided = fround(without + fround(factor * fround(within - without)))
      data[i] = guided
      squares += within * within
      guidedSquares += guided * guided
    }
    const ratio = fround(fround(Math.sqrt(squares)) / fround(Math.sqrt(guidedSquares)))
    for (let i = start; i < start + width; i++) data[i] = data[i]! * ratio
  }
  return { data, shape: positive.shape }
}
