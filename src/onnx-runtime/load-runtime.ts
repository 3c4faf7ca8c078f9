import type * as OnnxRuntime from 'onnxruntime-node'
import { DiffgentorError } from '../errors.ts'

export type Runtime = typeof OnnxRuntime

let runtime: Promise<Runtime> | undefined

/** Imports ONNX Runtime once, when the first graph is opened. */
export function loadRuntime(): Promise<Runtime> {
  runtime ??= importRuntime()
  return runtime
}

async function importRuntime(): Promise<Runtime> {
  const imported = await import('onnxruntime-node').catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new DiffgentorError('unsupported', `ONNX Runtime cannot be loaded on this machine: ${reason}.`, { cause })
  })
  const loaded = (imported as unknown as { default?: Runtime }).default ?? imported
  storeHalvesAsBits(loaded)
  return loaded
}

/**
 * Makes the runtime keep float16 tensors as Uint16Array. It looks once, at the first tensor, whether the language has a
 * Float16Array, and then hands that type to native code that reads it as empty (microsoft/onnxruntime#26791).
 */
function storeHalvesAsBits({ Tensor }: Runtime): void {
  const scope = globalThis as { Float16Array?: unknown }
  const own = Object.getOwnPropertyDescriptor(scope, 'Float16Array')
  if (own?.configurable) delete scope.Float16Array
  try {
    new Tensor('float16', new Uint16Array(1), [1])
  } finally {
    if (own) Object.defineProperty(scope, 'Float16Array', own)
  }
}
