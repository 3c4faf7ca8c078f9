import { createHash } from 'node:crypto'
import type { GraphIndex } from '../../onnx-proto/graph-index.ts'
import { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import type { OnnxNode } from '../../onnx-proto/onnx-node.ts'
import type { OnnxTensor } from '../../onnx-proto/onnx-tensor.ts'
import { type FeedValue, OnnxSession } from '../../onnx-runtime/index.ts'
import type { WrittenOutAttention } from './attention-pattern.ts'
import { findRank } from './value-rank.ts'

/** More nodes than this between the projections and the result are not plain attention. */
const NODE_LIMIT = 120
const TOKENS = 24
/** Batch, tokens, width. */
const PLAIN_RANK = 3
/** Rounding differs between the two forms; on values of about 1 by some 1e-7. */
const TOLERANCE = 1e-5

/** The operators between projections and result, cut out of their graph. */
interface CutOut {
  nodes: readonly OnnxNode[]
  /** Values that come from outside: the projections first, then those whose shape is read. */
  inputs: readonly string[]
  initializers: readonly OnnxTensor[]
}

/** Tells whether the fused operator gives what the written-out form gives, by running both alone on made-up input. Equal forms are run once. */
export class AttentionProof {
  readonly #model: OnnxModel
  readonly #index: GraphIndex
  readonly #known = new Map<string, boolean>()

  constructor(model: OnnxModel, index: GraphIndex) {
    this.#model = model
    this.#index = index
  }

  async holds(attention: WrittenOutAttention, fused: OnnxNode): Promise<boolean> {
    const projections = [attention.query, attention.key, attention.value]
    // Made-up input has three axes; with four, as of an IP-Adapter for several pictures, the operator reads heads where there are none.
    const ranks = projections.map((value) => findRank(this.#model, this.#index, value) ?? PLAIN_RANK)
    if (ranks.some((rank) => rank !== PLAIN_RANK)) return false
    const widths = projections.map((value) => this.#width(value))
    const cut = this.#cutOut(attention)
    if (cut === undefined || widths.some((width) => width === undefined || width % attention.heads !== 0)) return false
    const names = shortNames(cut, attention.output)
    const original = buildAlone(this.#model, cut.nodes, cut, names, attention.output).encode()
    const key = `${widths}|${createHash('sha256').update(original).digest('hex')}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const replacement = buildAlone(
      this.#model,
      [fused],
      { ...cut, inputs: cut.inputs.slice(0, 3), initializers: [] },
      names,
      attention.output,
    )
    const holds = await givesTheSame(
      original,
      replacement.encode(),
      cut.inputs.map((name) => names.get(name)!),
      widths as number[],
    )
    this.#known.set(key, holds)
    return holds
  }

  /** Size of a projection's last axis, from the weight that makes it. */
  #width(value: string): number | undefined {
    let node = this.#index.producer(value)
    for (let hops = 0; node !== undefined && hops < 3; hops++) {
      const sizes = node.inputs.map((input) => this.#index.weightDims(input) ?? [])
      const bias = node.opType === 'Add' ? sizes.find((dims) => dims.length === 1) : undefined
      const weight = node.opType === 'MatMul' ? sizes[1] : undefined
      const width = bias?.[0] ?? weight?.at(-1)
      if (width !== undefined) return width
      node = this.#index.producer(node.inputs[0])
    }
    return undefined
  }

  #cutOut(attention: WrittenOutAttention): CutOut | undefined {
    const projections = [attention.query, attention.key, attention.value]
    const nodes = new Set<OnnxNode>()
    const initializers = new Map<string, OnnxTensor>()
    const shaped = new Set<string>()
    const pending = [attention.output]
    while (pending.length > 0) {
      const value = pending.pop()!
      if (value === '' || projections.includes(value)) continue
      const stored = this.#model.initializers.get(value)
      if (stored !== undefined) {
        if (stored.rawBytes === undefined) return undefined
        initializers.set(value, stored)
        continue
      }
      const node = this.#index.producer(value)
      if (node === undefined || nodes.size >= NODE_LIMIT) return undefined
      nodes.add(node)
      // A shape may be read from a value far outside; only sizes that all tensors here share matter.
      if (node.opType === 'Shape') shaped.add(node.inputs[0] ?? '')
      else pending.push(...node.inputs)
    }
    const made = new Set([...nodes].flatMap((node) => node.outputs))
    const outside = [...shaped].filter((value) => !made.has(value) && !projections.includes(value))
    const ordered = this.#model.nodes.filter((node) => nodes.has(node))
    return { nodes: ordered, inputs: [...projections, ...outside], initializers: [...initializers.values()] }
  }
}

/** Names by order of appearance, so that the same form elsewhere in the graph looks the same. */
function shortNames({ nodes, inputs, initializers }: CutOut, output: string): Map<string, string> {
  const all = [...inputs, ...initializers.map(({ name }) => name), ...nodes.flatMap((node) => node.outputs), output]
  return new Map([...new Set(all)].map((name, index) => [name, `v${index}`]))
}

function buildAlone(
  model: OnnxModel,
  nodes: readonly OnnxNode[],
  { inputs, initializers }: CutOut,
  names: ReadonlyMap<string, string>,
  output: string,
): OnnxModel {
  const alone = OnnxModel.create({ ...Object.fromEntries(model.opsets), 'com.microsoft': 1 })
  const rename = (values: readonly string[]) => values.map((value) => names.get(value) ?? value)
  for (const input of new Set(rename(inputs))) alone.addInput({ name: input, dtype: 'float32', dims: ['', '', ''] })
  for (const tensor of initializers) alone.setInitializer(tensor.rename(names.get(tensor.name)!))
  alone.nodes = nodes.map((node, index) => node.copy(`n${index}`, rename(node.inputs), rename(node.outputs)))
  alone.addOutput({ name: names.get(output)!, dtype: 'float32', dims: ['', '', ''] })
  return alone
}

async function givesTheSame(
  original: Uint8Array,
  fused: Uint8Array,
  inputs: readonly string[],
  widths: readonly number[],
): Promise<boolean> {
  const feeds = Object.fromEntries(inputs.map((name, index) => [name, makeUp(widths[index] ?? widths[0]!, index)]))
  try {
    const [expected, got] = [await runAlone(original, feeds), await runAlone(fused, feeds)]
    return expected.length === got.length && expected.every((value, index) => Math.abs(value - got[index]!) <= TOLERANCE)
  } catch {
    // A form that cannot be run on its own is not the plain form.
    return false
  }
}

async function runAlone(proto: Uint8Array, feeds: Readonly<Record<string, FeedValue>>): Promise<Float32Array> {
  await using session = await OnnxSession.open({ proto, dataFolder: '/', label: 'attention' }, { intraOpThreads: 1 })
  const own = Object.fromEntries(Object.entries(feeds).filter(([name]) => session.inputs.has(name)))
  const [output = ''] = session.outputs.keys()
  return (await session.run(own, [output]))[output]!.data
}

/** Values within −1 … 1 without pattern along any axis. */
function makeUp(width: number, seed: number): FeedValue {
  const data = Float32Array.from({ length: TOKENS * width }, (_, index) => Math.sin(index * 12.9898 + seed * 78.233) ** 3)
  return { data, shape: [1, TOKENS, width] }
}
