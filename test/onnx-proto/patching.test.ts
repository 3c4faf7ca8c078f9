import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OnnxModel } from '../../src/onnx-proto/onnx-model.ts'
import { OnnxTensor } from '../../src/onnx-proto/onnx-tensor.ts'
import { encodePatched } from '../../src/onnx-proto/patched-proto.ts'
import { ProtoMessage } from '../../src/onnx-proto/proto-message.ts'
import { readTensorBytes } from '../../src/onnx-proto/read-tensor.ts'
import { writeSideFile } from '../../src/onnx-proto/side-file.ts'
import { fixturePath } from '../support/fixtures.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dg-patch-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('a message that is read and written', () => {
  it('keeps every byte of a real model', async () => {
    const bytes = await readFile(fixturePath('models/sd15-tiny-external/text_encoder/model.onnx'))
    expect(Buffer.from(ProtoMessage.decode(bytes).encode()).equals(bytes)).toBe(true)
  })

  it('keeps fields that nobody here knows, in their order', () => {
    const bytes = Uint8Array.from([0x08, 0x07, 0x9a, 0x3f, 0x02, 0xaa, 0xbb, 0x25, 1, 2, 3, 4, 0x31, 1, 2, 3, 4, 5, 6, 7, 8])
    const message = ProtoMessage.decode(bytes)
    message.setInteger(1, 300)
    expect([...message.encode()]).toEqual([0x08, 0xac, 0x02, ...bytes.subarray(2)])
  })

  it('gives back any whole number', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger()), (values) => {
        const message = new ProtoMessage()
        message.setIntegers(1, values)
        expect(ProtoMessage.decode(message.encode()).integers(1)).toEqual(values)
      }),
    )
  })

  it('never fails in another way than with model_unreadable on random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          expect(ProtoMessage.decode(bytes).fields.length).toBeLessThanOrEqual(bytes.length)
        } catch (error) {
          expect(error).toMatchObject({ code: 'model_unreadable' })
        }
      }),
    )
  })
})

describe('a model whose graph was changed', () => {
  it.each(['sd15-tiny', 'sd15-tiny-external', 'sd15-tiny-old'])('finds the weights of %s where they are', async (name) => {
    const original = await OnnxModel.read(fixturePath(`models/${name}/unet/model.onnx`))
    const weights = await Promise.all(
      [...original.initializers.values()].slice(0, 20).map((tensor) => readTensorBytes(original, tensor)),
    )
    const { proto, dataFolder } = await encodePatched(await OnnxModel.read(original.file!))
    const file = join(folder, 'patched.onnx')
    await writeFile(file, proto)
    const patched = await OnnxModel.read(file)
    expect(proto.length).toBeLessThan(700_000)
    for (const [index, tensor] of [...patched.initializers.values()].slice(0, 20).entries()) {
      const { external } = tensor
      const data = external
        ? (await readFile(join(dataFolder, external.location))).subarray(external.offset, external.offset + external.length!)
        : tensor.rawBytes
      expect(Buffer.from(data ?? []).equals(Buffer.from(weights[index]!))).toBe(true)
    }
  })

  it('tells a weight whose data does not fit its shape', async () => {
    const model = OnnxModel.create()
    const tensor = OnnxTensor.create('weight', 'float32', [4], new Uint8Array(12))
    await expect(readTensorBytes(model, tensor)).rejects.toMatchObject({
      code: 'model_unreadable',
      message: expect.stringContaining('12 bytes'),
    })
  })
})

describe('a side file', () => {
  const tensors = (fill: number, calls: number[] = []) =>
    [100, 7, 64].map((bytes, index) => ({
      bytes,
      compute: async () => {
        calls.push(index)
        return new Uint8Array(bytes).fill(fill + index)
      },
    }))

  it('holds each tensor at its place, aligned', async () => {
    const file = join(folder, 'a', 'weights.bin')
    const spans = await writeSideFile(file, tensors(1))
    const content = await readFile(file)
    for (const [index, { offset, length }] of spans.entries()) {
      expect(offset % 64).toBe(0)
      expect(new Set(content.subarray(offset, offset + length))).toEqual(new Set([1 + index]))
    }
  })

  it('is not computed again when it is there', async () => {
    const file = join(folder, 'weights.bin')
    const calls: number[] = []
    const first = await writeSideFile(file, tensors(1, calls))
    const second = await writeSideFile(file, tensors(1, calls))
    expect(second).toEqual(first)
    expect(calls).toEqual([0, 1, 2])
  })

  it('is written anew when an earlier one is not whole', async () => {
    const file = join(folder, 'weights.bin')
    await writeFile(file, new Uint8Array(10))
    const [first] = await writeSideFile(file, tensors(5))
    expect((await readFile(file))[first!.offset]).toBe(5)
  })

  it('is whole when several write it at once, and leaves no parts behind', async () => {
    const file = join(folder, 'weights.bin')
    await Promise.all(Array.from({ length: 6 }, () => writeSideFile(file, tensors(1))))
    expect(await readdir(folder)).toEqual(['weights.bin'])
    expect((await readFile(file)).length).toBe(256)
  })

  it('leaves nothing behind when a tensor cannot be computed', async () => {
    const failing = { bytes: 4, compute: () => Promise.reject(new Error('no weight')) }
    await expect(writeSideFile(join(folder, 'weights.bin'), [...tensors(1), failing])).rejects.toThrow('no weight')
    expect(await readdir(folder)).toEqual([])
  })
})
