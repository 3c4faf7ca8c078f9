import type { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../onnx-proto/onnx-node.ts'
import type { ModuleSite } from './module-sites.ts'

/** Names of the two inputs that carry a module's low-rank update. */
export function branchInputs(path: string): { down: string; up: string } {
  return { down: `lora_down.${path}`, up: `lora_up.${path}` }
}

/**
 * Adds `y + up(down(x))` behind the product of each module. Both matrices become inputs of the graph with a free rank, so one loaded graph serves
 * any LoRA, weight and number of LoRAs that touch the same modules. It works on quantized weights too, which stay as they are.
 *
 * Linear: down [in, rank], up [rank, out]. Convolution: down [rank, in, h, w] with the module's own strides and padding, up [out, rank, 1, 1].
 */
export function addLowRankBranches(model: OnnxModel, sites: readonly ModuleSite[]): void {
  const branches = new Map<OnnxNode, OnnxNode[]>()
  for (const site of sites) {
    const last = model.nodes.find((node) => node.outputs.includes(site.output)) ?? site.node
    branches.set(last, [...(branches.get(last) ?? []), ...buildBranch(model, site, last)])
  }
  model.nodes = model.nodes.flatMap((node) => [node, ...(branches.get(node) ?? [])])
}

function buildBranch(model: OnnxModel, site: ModuleSite, last: OnnxNode): OnnxNode[] {
  const { down, up } = branchInputs(site.path)
  const rank = site.kind === 'linear' ? 2 : 4
  for (const name of [down, up]) model.addInput({ name, dtype: site.dtype, dims: new Array<string>(rank).fill('') })
  const [base, hidden, update] = ['base', 'hidden', 'update'].map((part) => `${site.output}/lora_${part}`) as [
    string,
    string,
    string,
  ]
  last.outputs = last.outputs.map((output) => (output === site.output ? base : output))
  return [
    ...(site.kind === 'linear'
      ? [multiply(hidden, site.input, down), multiply(update, hidden, up)]
      : [
          site.node.copy(hidden, [site.input, down], [hidden]),
          OnnxNode.create({ name: update, opType: 'Conv', inputs: [hidden, up], outputs: [update] }),
        ]),
    OnnxNode.create({ name: `${site.output}/lora_add`, opType: 'Add', inputs: [base, update], outputs: [site.output] }),
  ]
}

function multiply(result: string, left: string, right: string): OnnxNode {
  return OnnxNode.create({ name: result, opType: 'MatMul', inputs: [left, right], outputs: [result] })
}
