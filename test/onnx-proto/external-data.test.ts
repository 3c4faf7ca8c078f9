import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkExternalData } from '../../src/onnx-proto/external-data.ts'
import { readGraphSignature } from '../../src/onnx-proto/graph-signature.ts'
import { OnnxModel } from '../../src/onnx-proto/onnx-model.ts'
import { OnnxTensor } from '../../src/onnx-proto/onnx-tensor.ts'
import { fixturePath } from '../support/fixtures.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dg-data-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('the data files of a model', () => {
  it('are accepted when they lie beside it and hold what it says', async () => {
    const file = fixturePath('models/sd15-tiny-old/unet/model.onnx')
    const files = await checkExternalData(dirname(file), await readGraphSignature(file))
    expect(files.map(({ location }) => location)).toEqual(['weights.pb'])
    expect(files[0]?.size).toBeGreaterThan(100_000)
  })

  it('are accepted through the links of a download cache', async () => {
    const file = await writeModel('snapshots/abc/unet/model.onnx', 'model.onnx_data', 0, 16)
    await mkdir(join(root, 'blobs'))
    await writeFile(join(root, 'blobs/123'), new Uint8Array(16))
    await symlink('../../../blobs/123', join(dirname(file), 'model.onnx_data'))
    const signature = await readGraphSignature(file)
    await expect(checkExternalData(dirname(file), signature)).rejects.toMatchObject({ code: 'model_unreadable' })
    const [data] = await checkExternalData(dirname(file), signature, [root])
    expect(data?.realPath.endsWith('blobs/123')).toBe(true)
  })

  it('are accepted when model and data are both links to one folder', async () => {
    const real = await writeModel('blobs/model', 'model.onnx_data', 0, 16)
    await writeFile(join(root, 'blobs/data'), new Uint8Array(16))
    await mkdir(join(root, 'snapshot'))
    await symlink(real, join(root, 'snapshot/model.onnx'))
    await symlink('../blobs/data', join(root, 'snapshot/model.onnx_data'))
    const signature = await readGraphSignature(join(root, 'snapshot/model.onnx'))
    await expect(checkExternalData(join(root, 'snapshot'), signature)).resolves.toHaveLength(1)
  })

  it.each(['../secret', '/etc/passwd', 'a/../../secret', '', 'x\0y'])('are refused at %j', async (location) => {
    await writeFile(join(root, 'secret'), new Uint8Array(16))
    const file = await writeModel('model/model.onnx', location, 0, 16)
    await expect(checkExternalData(dirname(file), await readGraphSignature(file))).rejects.toMatchObject({
      code: 'model_unreadable',
      message: expect.stringContaining('outside its own folder'),
    })
  })

  it.each([
    ['reach beyond the file', 8, 16, /ends at byte 16/],
    ['have another size than the shape', 0, 12, /12 bytes .* needs 16/],
    ['begin before the file', -4, 16, /impossible place/],
    ['begin nowhere', Number.NaN, 16, /impossible place/],
  ])('are refused when the parts %s', async (_, offset, length, message) => {
    const file = await writeModel('model/model.onnx', 'data', offset, length)
    await writeFile(join(dirname(file), 'data'), new Uint8Array(16))
    await expect(checkExternalData(dirname(file), await readGraphSignature(file))).rejects.toThrow(message)
  })

  it('are refused when missing', async () => {
    const file = await writeModel('model/model.onnx', 'data', 0, 16)
    await expect(checkExternalData(dirname(file), await readGraphSignature(file))).rejects.toThrow(/data, which is missing/)
  })
})

/** A model of one [4] float32 tensor in a data file. */
async function writeModel(name: string, location: string, offset: number, length: number): Promise<string> {
  const model = OnnxModel.create()
  const tensor = OnnxTensor.create('weight', 'float32', [4], new Uint8Array(16))
  tensor.setExternal(location, offset, length)
  model.setInitializer(tensor)
  const file = join(root, name)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, model.encode())
  return file
}
