import { open } from 'node:fs/promises'

/** A head larger than this is no head. */
const MAX_HEAD = 64e6

/** What a safetensors file says of itself before its values. */
export interface SafetensorsHead {
  /** Texts that the program which wrote the file left. */
  metadata: Readonly<Record<string, string>>
  /** Sizes of each tensor, by name. */
  shapes: ReadonlyMap<string, readonly number[]>
}

/** Reads a file's head: eight bytes of its length, then JSON. Rejects when there is none. */
export async function readSafetensorsHead(path: string): Promise<SafetensorsHead> {
  await using file = await open(path)
  const { buffer: length } = await file.read(Buffer.alloc(8), 0, 8, 0)
  const size = Number(length.readBigUInt64LE())
  if (size > MAX_HEAD) throw new RangeError(`a head of ${size} bytes`)
  const { buffer } = await file.read(Buffer.alloc(size), 0, size, 8)
  const { __metadata__: metadata = {}, ...tensors } = JSON.parse(buffer.toString()) as Record<string, { shape?: unknown }>
  const shapes = Object.entries(tensors).map(([name, { shape }]) => [name, Array.isArray(shape) ? shape : []] as const)
  return { metadata: metadata as Record<string, string>, shapes: new Map(shapes) }
}
