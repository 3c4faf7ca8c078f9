import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { tensorBytes } from './data-types.ts'
import { TENSOR } from './field-numbers.ts'
import type { OnnxModel } from './onnx-model.ts'
import type { OnnxTensor } from './onnx-tensor.ts'
import type { FileSpan } from './proto-message.ts'

/** Where the bytes of a tensor lie when they are not in the proto. External locations must have been checked. */
export function locateTensor(model: OnnxModel, tensor: OnnxTensor): FileSpan | undefined {
  if (tensor.span !== undefined) return tensor.span
  const { external } = tensor
  if (external === undefined) return undefined
  const length = external.length ?? tensorBytes(tensor.dtype, tensor.dims) ?? 0
  return { file: join(dirname(model.file ?? ''), external.location), offset: external.offset, length }
}

/** The raw little-endian bytes of a tensor, wherever they lie. External locations must have been checked. */
export async function readTensorBytes(model: OnnxModel, tensor: OnnxTensor): Promise<Uint8Array> {
  const span = locateTensor(model, tensor)
  const bytes = span === undefined ? (tensor.rawBytes ?? typedBytes(tensor)) : await readSpan(span)
  if (bytes.length !== tensorBytes(tensor.dtype, tensor.dims)) {
    throw new DiffgentorError(
      'model_unreadable',
      `The tensor ${tensor.name} of ${model.file ?? 'the model'} holds ${bytes.length} bytes, which does not fit its shape [${tensor.dims}].`,
    )
  }
  return bytes
}

/** Old exporters write floats into a typed list, which on the wire is the same little-endian bytes. */
function typedBytes(tensor: OnnxTensor): Uint8Array {
  return tensor.message.bytes(TENSOR.floatData) ?? tensor.message.bytes(TENSOR.doubleData) ?? new Uint8Array()
}

async function readSpan({ file, offset, length }: FileSpan): Promise<Uint8Array> {
  const handle = await open(file, 'r')
  try {
    const bytes = new Uint8Array(length)
    const { bytesRead } = await handle.read(bytes, 0, length, offset)
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
