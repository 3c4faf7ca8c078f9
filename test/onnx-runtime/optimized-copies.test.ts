import { mkdtemp, readdir, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DiskCache } from '../../src/disk-cache/disk-cache.ts'
import { OnnxSession, openOptimizedCopy } from '../../src/onnx-runtime/index.ts'
import { fixturePath } from '../support/fixtures.ts'

const graph = fixturePath('models/sd15-tiny/vae_decoder/model.onnx')
const latents = { data: Float32Array.from({ length: 64 * 4 }, (_, i) => Math.sin(i)), shape: [1, 4, 8, 8] }

async function decode(folder: string, onSource: () => void = () => {}, limitBytes = Number.POSITIVE_INFINITY) {
  const cache = new DiskCache({ folders: [folder], limitBytes })
  const source = async () => {
    onSource()
    return graph
  }
  await using session = await openOptimizedCopy({
    folder,
    cache,
    identity: 'decoder',
    weightBytes: 100_000,
    packed: true,
    source,
    session: {},
  })
  return (await session.run({ latent_sample: latents }, ['sample']))['sample']!
}

describe('an optimized copy', () => {
  it('is made once and gives the same numbers', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copies-'))
    let made = 0
    const count = () => {
      made++
    }
    const first = await decode(folder, count)
    const second = await decode(folder, count)
    expect(made).toBe(1)
    expect(second).toEqual(first)
  })

  it('of a graph with weights of odd sizes runs and gives the same numbers', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copies-'))
    const file = fixturePath('models/sdxl-refiner-tiny/text_encoder_2/model.onnx')
    const ids = { data: Array.from({ length: 77 }, (_, i) => i), shape: [1, 77] }
    const cache = new DiskCache({ folders: [folder], limitBytes: Number.POSITIVE_INFINITY })
    const options = { folder, cache, identity: file, weightBytes: 500_000, packed: true, source: async () => file, session: {} }
    await using stored = await OnnxSession.open(file)
    await using copy = await openOptimizedCopy(options)
    const [name] = [...stored.outputs.keys()]
    expect(await copy.run({ input_ids: ids }, [name!])).toEqual(await stored.run({ input_ids: ids }, [name!]))
  })

  it('that is torn is made anew', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copies-'))
    const first = await decode(folder)
    const [copy] = await readdir(folder)
    await truncate(join(folder, copy!, 'model.onnx'), 100)
    expect(await decode(folder)).toEqual(first)
  })

  it('is made by one of several that want it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copies-'))
    const results = await Promise.all([decode(folder), decode(folder), decode(folder)])
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
    expect(await readdir(folder)).toHaveLength(1)
  })

  it('is not made where it would be larger than the cache may be', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'copies-'))
    expect((await decode(folder, undefined, 1000)).shape).toEqual([1, 3, 64, 64])
    expect(await readdir(folder)).toEqual([])
  })

  it('is done without where it cannot be written', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'copies-')), 'no-folder')
    await writeFile(file, '')
    expect((await decode(file)).shape).toEqual([1, 3, 64, 64])
  })
})
