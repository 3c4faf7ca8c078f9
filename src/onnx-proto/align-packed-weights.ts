import { type FileHandle, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { ENTRY, TENSOR } from './field-numbers.ts'
import { OnnxModel } from './onnx-model.ts'
import type { OnnxTensor } from './onnx-tensor.ts'
import type { ProtoMessage } from './proto-message.ts'

/** Where instructions that read packed weights want them to begin. */
const ALIGNMENT = 64
const CHUNK_BYTES = 16 * 1024 * 1024

/** Entries such as `prepacked_0` with the value `MatMul+123|347040;3072;0`: whose form it is, then offset, length and checksum of each part. */
const PACKED_KEY = /^prepacked_/

/**
 * Brings packed weights that ONNX Runtime has saved with a model to places where they can be mapped. It writes them one behind the other, but
 * crashes on those that do not begin at a multiple of 64 bytes. They are copied to the end of their data file; the old ones stay, unused.
 */
export async function alignPackedWeights(file: string): Promise<void> {
  const model = await OnnxModel.read(file)
  let isChanged = false
  for (const tensor of model.initializers.values()) {
    const places = findPlaces(tensor).filter(({ value }) => hasUnalignedPart(value))
    if (places.length === 0) continue
    const data = await open(join(dirname(file), tensor.external!.location), 'r+')
    try {
      for (const { entry, value } of places) entry.setText(ENTRY.value, await moveParts(data, value))
    } finally {
      await data.close()
    }
    isChanged = true
  }
  if (isChanged) await writeFile(file, model.encode())
}

function findPlaces({ message }: OnnxTensor): { entry: ProtoMessage; value: string }[] {
  return message
    .messages(TENSOR.externalData)
    .filter((entry) => PACKED_KEY.test(entry.text(ENTRY.key)))
    .map((entry) => ({ entry, value: entry.text(ENTRY.value) }))
}

function hasUnalignedPart(value: string): boolean {
  return readParts(value).some(({ offset }) => offset % ALIGNMENT !== 0)
}

function readParts(value: string): { offset: number; length: number; rest: string[] }[] {
  return value
    .split('|')
    .slice(1)
    .map((part) => {
      const [offset, length, ...rest] = part.split(';')
      const numbers = { offset: Number(offset), length: Number(length), rest }
      if (Number.isSafeInteger(numbers.offset) && Number.isSafeInteger(numbers.length)) return numbers
      throw new DiffgentorError('internal', `ONNX Runtime told the place of packed weights in an unknown way: ${value}.`)
    })
}

async function moveParts(data: FileHandle, value: string): Promise<string> {
  const [owner] = value.split('|')
  const moved: string[] = []
  for (const { offset, length, rest } of readParts(value)) {
    const { size } = await data.stat()
    const place = Math.ceil(size / ALIGNMENT) * ALIGNMENT
    await copyWithin(data, offset, place, length)
    moved.push([place, length, ...rest].join(';'))
  }
  return [owner, ...moved].join('|')
}

async function copyWithin(data: FileHandle, from: number, to: number, length: number): Promise<void> {
  const buffer = new Uint8Array(Math.min(CHUNK_BYTES, length))
  let done = 0
  while (done < length) {
    const { bytesRead } = await data.read(buffer, 0, Math.min(buffer.length, length - done), from + done)
    if (bytesRead === 0)
      throw new DiffgentorError('internal', 'ONNX Runtime told of packed weights beyond the end of their file.')
    await data.write(buffer, 0, bytesRead, to + done)
    done += bytesRead
  }
}
