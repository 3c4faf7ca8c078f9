import { type FeedValue, type GraphSource, OnnxSession, type ValueInfo } from '../../onnx-runtime/index.ts'

/** Sizes for symbolic axes: batch, then tokens or channels, then height and width of small latents. */
const PROBE_SIZES = [1, 77, 16, 16]
const PROBE_TIMESTEP = 500
const PROBE_IDS = 400

/** The cosine between what two forms of a graph give on one made-up input, over all their outputs; 1 is equal. */
export async function compareGraphs(one: GraphSource, other: GraphSource): Promise<number> {
  const [left, right] = [await runOnProbe(one), await runOnProbe(other)]
  let [product, leftSquares, rightSquares] = [0, 0, 0]
  for (const [index, value] of left.entries()) {
    product += value * right[index]!
    leftSquares += value ** 2
    rightSquares += right[index]! ** 2
  }
  return product / Math.sqrt(leftSquares * rightSquares)
}

async function runOnProbe(source: GraphSource): Promise<Float32Array> {
  await using session = await OnnxSession.open(source)
  const feeds = Object.fromEntries([...session.inputs.values()].map((input, index) => [input.name, makeUp(input, index)]))
  const outputs = [...session.outputs.keys()].slice(0, 1)
  return (await session.run(feeds, outputs))[outputs[0]!]!.data
}

function makeUp({ name, type, shape }: ValueInfo, seed: number): FeedValue {
  const dims = shape.map((size, axis) => (typeof size === 'number' && size > 0 ? size : (PROBE_SIZES[axis] ?? 1)))
  const count = dims.reduce((product, size) => product * size, 1)
  if (/^(timestep|t)$/.test(name)) return { data: new Array<number>(count).fill(PROBE_TIMESTEP), shape: dims }
  const isIds = type.startsWith('int')
  const data = Float32Array.from({ length: count }, (_, index) =>
    isIds ? (index * 37 + 1) % PROBE_IDS : Math.sin(index * 12.9898 + seed * 78.233) * 1.4,
  )
  return { data, shape: dims }
}
