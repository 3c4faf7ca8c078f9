import { writeFile } from 'node:fs/promises'
import { OnnxModel } from '../../src/onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../src/onnx-proto/onnx-node.ts'
import { OnnxTensor } from '../../src/onnx-proto/onnx-tensor.ts'

/** Writes a graph that repeats every pixel, in the form of a super-resolution model. `side` fixes height and width of its input. */
export async function writeNearestUpscaler(file: string, factor: number, side?: number): Promise<void> {
  const model = OnnxModel.create()
  const size = (name: string, times: number) => (side === undefined ? name : side * times)
  model.addInput({ name: 'input', dtype: 'float32', dims: [1, 3, size('height', 1), size('width', 1)] })
  model.addOutput({ name: 'output', dtype: 'float32', dims: [1, 3, size('tall', factor), size('wide', factor)] })
  const scales = new Uint8Array(Float32Array.of(1, 1, factor, factor).buffer)
  model.setInitializer(OnnxTensor.create('scales', 'float32', [4], scales))
  model.nodes.push(OnnxNode.create({ name: 'resize', opType: 'Resize', inputs: ['input', '', 'scales'], outputs: ['output'] }))
  await writeFile(file, model.encode())
}
