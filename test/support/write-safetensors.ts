import { writeFile } from 'node:fs/promises'

/** A float32 tensor for a test file. */
export interface TestTensor {
  shape: readonly number[]
  data: Float32Array | readonly number[]
}

/** Writes a `.safetensors` file of float32 tensors. */
export async function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, TestTensor>>,
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<string> {
  const header: Record<string, unknown> = { __metadata__: metadata }
  const chunks: Buffer[] = []
  let offset = 0
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const bytes = Buffer.from(Float32Array.from(data).buffer)
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + bytes.length] }
    chunks.push(bytes)
    offset += bytes.length
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  await writeFile(path, Buffer.concat([length, json, ...chunks]))
  return path
}

/** Numbers of about 1, the same for the same seed. */
export function madeUp(shape: readonly number[], seed: number): TestTensor {
  const count = shape.reduce((product, size) => product * size, 1)
  return { shape, data: Float32Array.from({ length: count }, (_, index) => Math.sin((index + 1) * 12.9898 + seed * 78.233)) }
}
