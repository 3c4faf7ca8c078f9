import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'

/** Bytes of a graph's weights as stored. */
export function weightBytes({ initializerBytes }: Pick<GraphSignature, 'initializerBytes'>): number {
  return Object.values(initializerBytes).reduce((sum, bytes) => sum + bytes, 0)
}

/** Bytes of a graph's weights as the CPU computes with them: half precision is expanded. */
export function memoryOf(signature: Pick<GraphSignature, 'initializerBytes'>): number {
  return weightBytes(signature) + (signature.initializerBytes.float16 ?? 0)
}
