/** Field numbers of onnx.proto3 (github.com/onnx/onnx/blob/main/onnx/onnx.proto3), as far as they are read or written here. */
export const MODEL = { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8, functions: 25 } as const
export const OPSET = { domain: 1, version: 2 } as const
export const FUNCTION = { name: 1, node: 7, domain: 10 } as const
export const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12, valueInfo: 13 } as const
export const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 } as const
export const ATTRIBUTE = {
  name: 1,
  float: 2,
  integer: 3,
  text: 4,
  tensor: 5,
  graph: 6,
  floats: 7,
  integers: 8,
  graphs: 11,
  type: 20,
} as const
export const TENSOR = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  int32Data: 5,
  int64Data: 7,
  name: 8,
  rawData: 9,
  doubleData: 10,
  externalData: 13,
  dataLocation: 14,
} as const
export const ENTRY = { key: 1, value: 2 } as const
export const VALUE_INFO = { name: 1, type: 2 } as const
export const TYPE = { tensor: 1 } as const
export const TENSOR_TYPE = { elementType: 1, shape: 2 } as const
export const SHAPE = { dim: 1 } as const
export const DIM = { value: 1, param: 2 } as const
