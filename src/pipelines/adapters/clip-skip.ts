import type { OnnxModel, ValueSignature } from '../../onnx-proto/onnx-model.ts'
import type { OnnxNode } from '../../onnx-proto/onnx-node.ts'

/** The output that carries the text state with this many layers left out at the end, normalized like the last one. */
export function clipSkipOutput(skipped: number): string {
  return `last_hidden_state.skip.${skipped}`
}

/** Names under which exporters give the last state, best first. */
const LAST_STATES = ['last_hidden_state', 'hidden_states', 'output', 'out']

/** How many layers of a text encoder can be left out; 0 when its layers cannot be told apart. */
export function countSkippableLayers(model: OnnxModel): number {
  const isKnown = lastState(model) !== undefined && finalState(model) !== undefined
  return isKnown ? Math.max(0, layerInputs(model).length - 1) : 0
}

/**
 * Gives a text encoder one more output for every number of layers that can be left out: the state before that layer, passed through the final
 * norm. The cost is a norm each, so one loaded graph serves every `clipSkip`. For encoders with skippable layers only.
 */
export function addClipSkipOutputs(model: OnnxModel): void {
  const last = lastState(model)!
  const states = layerInputs(model)
  const end = finalState(model)!
  const norm = nodesBetween(model, end, last.name)
  for (let skipped = 1; skipped < states.length; skipped++) {
    const output = clipSkipOutput(skipped)
    const rename = (name: string) => (name === end ? states[states.length - skipped]! : name === last.name ? output : name)
    const inner = new Set(norm.flatMap((node) => node.outputs).filter((name) => name !== last.name))
    const renameAll = (names: readonly string[]) =>
      names.map((name) => (inner.has(name) ? `${name}/skip_${skipped}` : rename(name)))
    model.nodes.push(
      ...norm.map((node) => node.copy(`${node.name}/skip_${skipped}`, renameAll(node.inputs), renameAll(node.outputs))),
    )
    model.addOutput({ ...last, name: output })
  }
}

function lastState(model: OnnxModel): ValueSignature | undefined {
  const { outputs } = model
  return LAST_STATES.map((name) => outputs.find((output) => output.name === name)).find((output) => output !== undefined)
}

/** The state that enters each layer, in order: what the first norm of layer i reads. */
function layerInputs(model: OnnxModel): string[] {
  const inputs = new Map<number, string>()
  const scopeOutputs = new Map<number, Set<string>>()
  for (const node of model.nodes) {
    const layer = normLayer(node)
    if (layer === undefined) continue
    const inside = scopeOutputs.get(layer) ?? new Set()
    const entering = node.inputs.find((name) => name !== '' && !inside.has(name) && !model.initializers.has(name))
    for (const output of node.outputs) inside.add(output)
    scopeOutputs.set(layer, inside)
    if (entering !== undefined && node.opType !== 'Constant' && !inputs.has(layer)) inputs.set(layer, entering)
  }
  return [...inputs].sort(([a], [b]) => a - b).map(([, name]) => name)
}

/** The layer whose first norm a node belongs to, told by the node's scope or the name of its weight. */
function normLayer(node: OnnxNode): number | undefined {
  for (const name of [node.name, ...node.inputs]) {
    const match = /layers\.(\d+)[./]layer_norm1[./]/.exec(name)
    if (match !== null && (name === node.name || node.opType === 'LayerNormalization')) return Number(match[1])
  }
  return undefined
}

/** What the final norm reads: the sum that closes the last layer. */
function finalState(model: OnnxModel): string | undefined {
  const node = model.nodes.find(
    ({ name, inputs, opType }) =>
      opType !== 'Constant' &&
      (/final_layer_norm\//.test(name) || inputs.some((input) => /final_layer_norm\.weight$/.test(input))),
  )
  return node?.inputs.find((name) => !model.initializers.has(name))
}

/** The nodes that make `to` out of `from`, in order. */
function nodesBetween(model: OnnxModel, from: string, to: string): OnnxNode[] {
  const reached = new Set([from])
  const forward = model.nodes.filter((node) => {
    if (!node.inputs.some((name) => reached.has(name))) return false
    for (const output of node.outputs) reached.add(output)
    return true
  })
  const needed = new Set([to])
  return forward
    .toReversed()
    .filter((node) => {
      if (!node.outputs.some((name) => needed.has(name))) return false
      for (const input of node.inputs) if (reached.has(input) && input !== from) needed.add(input)
      return true
    })
    .toReversed()
}
