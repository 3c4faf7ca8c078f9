import { createRequire } from 'node:module'
import { loadRuntime } from './load-runtime.ts'
import type { ProbeReport, ProviderProbe } from './probe-providers.ts'

/** An ONNX model of one Identity node on a float of shape [1], opset 13, written out by hand: fields 1 (IR version), 7 (graph), 8 (opset). */
const IDENTITY_MODEL = Buffer.from(
  '08073a370a100a017812017922084964656e746974791201675a0f0a0178120a0a08080112040a020801620f0a0179120a0a08080112040a02080142040a00100d',
  'hex',
)

async function probe(): Promise<ProbeReport> {
  const runtime = await loadRuntime()
  const providers: ProviderProbe[] = []
  for (const { name } of runtime.listSupportedBackends()) providers.push(await tryProvider(runtime, name))
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }
  return { runtimeVersion: version, providers }
}

async function tryProvider(runtime: Awaited<ReturnType<typeof loadRuntime>>, name: string): Promise<ProviderProbe> {
  try {
    const session = await runtime.InferenceSession.create(IDENTITY_MODEL, { executionProviders: [name], logSeverityLevel: 4 })
    await session.run({ x: new runtime.Tensor('float32', new Float32Array([1]), [1]) })
    await session.release()
    return { name, works: true }
  } catch (fault) {
    const [firstLine = ''] = (fault instanceof Error ? fault.message : String(fault)).split('\n')
    // Some faults begin with a place in the runtime's own source, which tells a user nothing.
    const problem = firstLine.replace(/^\S+:\d+ [\w:]+\(.*?\) ?/, '').trim()
    return { name, works: false, problem: problem === '' ? 'no usable device was found' : problem.slice(0, 120) }
  }
}

process.send?.(await probe())
process.disconnect?.()
