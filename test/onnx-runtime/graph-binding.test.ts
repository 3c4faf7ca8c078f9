import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { GraphDataType } from '../../src/onnx-proto/data-types.ts'
import { OnnxModel } from '../../src/onnx-proto/onnx-model.ts'
import { OnnxNode } from '../../src/onnx-proto/onnx-node.ts'
import { GraphBinding, OnnxSession } from '../../src/onnx-runtime/index.ts'

/** Saves a graph that turns its one input into float32. */
async function openCast(name: string, dtype: GraphDataType, dims: (number | string)[]): Promise<OnnxSession> {
  const file = join(await mkdtemp(join(tmpdir(), 'graph-')), 'model.onnx')
  const model = OnnxModel.create()
  model.addInput({ name, dtype, dims })
  model.addOutput({ name: 'out', dtype: 'float32', dims })
  model.nodes.push(OnnxNode.create({ name: 'cast', opType: 'Cast', inputs: [name], outputs: ['out'], attributes: { to: 1 } }))
  await writeFile(file, model.encode())
  return await OnnxSession.open(file)
}

const ROLES = { time: ['timestep', 't'], latents: ['sample', 'x'] }

async function feedTime(dtype: GraphDataType, dims: (number | string)[], data: number[], shape: number[]) {
  await using session = await openCast('timestep', dtype, dims)
  const binding = new GraphBinding(session, { roles: ROLES, required: ['time'] })
  return (await binding.run({ time: { data, shape } }, ['out']))['out']!
}

describe('a binding feeds what the graph declares', () => {
  it.each([
    ['float32', 3.5, 3.5],
    ['float16', 0.1, 0.0999755859375],
    ['float64', 0.1, Math.fround(0.1)],
    ['int64', 2.5, 2],
    ['int64', 3.5, 4],
    ['int32', 998.6, 999],
    ['bool', 3, 1],
  ] as [GraphDataType, number, number][])('as %s, %f becomes %f', async (dtype, given, expected) => {
    expect([...(await feedTime(dtype, [1], [given], [1])).data]).toEqual([expected])
  })

  it.each([
    { declared: [], given: [1], fed: [] },
    { declared: [1], given: [], fed: [1] },
    { declared: ['steps'], given: [], fed: [1] },
    { declared: [1, 'a', 2], given: [1, 2], fed: [1, 1, 2] },
  ])('with rank $declared, a value of shape $given as $fed', async ({ declared, given, fed }) => {
    const data = given.includes(2) ? [1, 2] : [1]
    expect((await feedTime('float32', declared, data, given)).shape).toEqual(fed)
  })

  it('under any alias, whatever its case', async () => {
    await using session = await openCast('T', 'float32', [1])
    const binding = new GraphBinding<keyof typeof ROLES>(session, { roles: ROLES, required: ['time'] })
    expect(binding.has('time')).toBe(true)
    expect(binding.has('latents')).toBe(false)
  })
})

describe('a binding refuses in one sentence', () => {
  it('a graph without a needed input', async () => {
    await using session = await openCast('sample', 'float32', [1])
    expect(() => new GraphBinding(session, { roles: ROLES, required: ['time'] })).toThrow(/no input for timestep or t; .*sample/)
  })

  it('a graph with an input that nobody feeds', async () => {
    await using session = await openCast('mystery', 'float32', [1])
    expect(() => new GraphBinding(session, { roles: ROLES, required: [] })).toThrow(/wants an input "mystery"/)
  })

  it('a shape other than the fixed one', async () => {
    await expect(feedTime('float32', [2], [1, 2, 3], [3])).rejects.toThrow(/timestep only as \[2\], got \[3\]/)
  })

  it('a graph that is not one', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'graph-')), 'model.onnx')
    await writeFile(file, 'not a graph')
    await expect(OnnxSession.open(file)).rejects.toThrow(/model\.onnx cannot be loaded/)
  })
})
