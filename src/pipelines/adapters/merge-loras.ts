import { tensorBytes } from '../../onnx-proto/data-types.ts'
import type { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import { OnnxTensor } from '../../onnx-proto/onnx-tensor.ts'
import { readTensorBytes } from '../../onnx-proto/read-tensor.ts'
import { writeSideFile } from '../../onnx-proto/side-file.ts'
import type { SitePlan } from './lora-plan.ts'
import { mergeWeight } from './merge-weight.ts'
import type { PlainWeight } from './module-sites.ts'

/**
 * Gives each module with merged updates a weight of its own (exporters share equal weights between modules). The new weights go to a side file
 *, whose name must stand for its content, or into the proto where none is given. The model's data files must have been checked.
 */
export async function mergeLoras(model: OnnxModel, plans: readonly SitePlan[], sideFile: string | undefined): Promise<void> {
  const merges = plans.filter(({ merged }) => merged.length > 0).map((plan) => describeMerge(model, plan))
  if (merges.length === 0) return
  if (sideFile === undefined) {
    for (const { name, stored, compute, connect } of merges) {
      model.setInitializer(OnnxTensor.create(name, stored.dtype, stored.dims, await compute()))
      connect()
    }
    return
  }
  const spans = await writeSideFile(sideFile, merges)
  for (const [index, { name, stored, connect }] of merges.entries()) {
    model.setInitializer(OnnxTensor.inFile(name, stored.dtype, stored.dims, spans[index]!))
    connect()
  }
}

function describeMerge(model: OnnxModel, { site, merged }: SitePlan) {
  const weight = site.weight!
  const stored = model.initializers.get(weight.name)!
  const { dims } = stored
  const dtype = stored.dtype as 'float32' | 'float16'
  const name = `${site.path}.weight/merged`
  return {
    name,
    stored,
    bytes: tensorBytes(dtype, dims) ?? 0,
    compute: async () => mergeWeight({ bytes: await readTensorBytes(model, stored), dims, dtype, layout: weight.layout }, merged),
    connect: () => readInstead(weight, name),
  }
}

function readInstead({ name, reader }: PlainWeight, merged: string): void {
  reader.inputs = reader.inputs.map((input) => (input === name ? merged : input))
}
