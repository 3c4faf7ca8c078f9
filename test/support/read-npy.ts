import { readFileSync } from 'node:fs'

/** A NumPy array with its values as doubles; float32 values are exact in them. */
export interface NpyArray {
  shape: number[]
  values: Float64Array
}

const READERS: Record<string, { bytes: number; read: (view: DataView, at: number) => number }> = {
  '<f4': { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  '<f8': { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  '|u1': { bytes: 1, read: (view, at) => view.getUint8(at) },
  '<i8': { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
}

/** Reads a `.npy` file in C order. */
export function readNpy(path: string): NpyArray {
  const file = readFileSync(path)
  const headerEnd = 10 + file.readUInt16LE(8)
  const header = file.toString('latin1', 10, headerEnd)
  const reader = READERS[/'descr': '([^']+)'/.exec(header)?.[1] ?? '']
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1]?.match(/\d+/g)?.map(Number) ?? []
  if (!reader || header.includes("'fortran_order': True")) throw new Error(`${path}: ${header}`)
  const view = new DataView(file.buffer, file.byteOffset + headerEnd)
  const count = shape.reduce((product, size) => product * size, 1)
  return { shape, values: Float64Array.from({ length: count }, (_, i) => reader.read(view, i * reader.bytes)) }
}
