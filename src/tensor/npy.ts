import type { Tensor } from './tensor.ts'

const ALIGNMENT = 64

/** Writes a tensor as a NumPy `.npy` file: version 1.0, little-endian float32, C order. */
export function encodeNpy({ data, shape }: Tensor): Uint8Array {
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const fields = `{'descr': '<f4', 'fortran_order': False, 'shape': (${dims}), }`
  const preamble = 10
  const length = Math.ceil((preamble + fields.length + 1) / ALIGNMENT) * ALIGNMENT
  const header = `${fields.padEnd(length - preamble - 1)}\n`
  const file = new Uint8Array(length + data.length * 4)
  file.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0])
  const view = new DataView(file.buffer)
  view.setUint16(8, header.length, true)
  for (let i = 0; i < header.length; i++) file[preamble + i] = header.charCodeAt(i)
  for (let i = 0; i < data.length; i++) view.setFloat32(length + i * 4, data[i]!, true)
  return file
}
