import { createHash } from 'node:crypto'
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { GraphSource } from './graph-source.ts'
import { loadRuntime } from './load-runtime.ts'
import { OnnxSession } from './onnx-session.ts'
import type { SessionOptions } from './session-options.ts'

const GRAPH_NAME = 'model.onnx'

export interface OptimizedCopyOptions {
  /** Where copies are kept. */
  folder: string
  /** Tells one state of a graph from another: its files with sizes and times, and what else shapes it. JSON values. */
  identity: unknown
  /** Makes the graph to optimize; not called when a copy is there. */
  source: () => Promise<GraphSource>
  session: SessionOptions
}

/**
 * Opens a graph from its optimized copy, or optimizes it and keeps the copy for the next time. A copy belongs to one version of the runtime,
 * one kind of processor and one set of options; results are those of the graph itself.
 */
export async function openOptimizedCopy({ folder, identity, source, session }: OptimizedCopyOptions): Promise<OnnxSession> {
  const place = join(folder, 'optimized-graphs', await nameCopy(identity, session))
  const held = await openHeld(place, session)
  if (held) return held
  const graph = await source()
  const staging = `${place}.${process.pid}.part`
  if (!(await makeFolder(staging))) return await OnnxSession.open(graph, session)
  try {
    const opened = await OnnxSession.open(graph, { ...session, saveOptimizedAs: join(staging, GRAPH_NAME) })
    await keep(staging, place)
    return opened
  } catch {
    // Graphs that cannot be written as a copy, or a full disk: the graph is opened as it is, and says why if it cannot be.
    await rm(staging, { recursive: true, force: true })
    return await OnnxSession.open(graph, session)
  }
}

async function makeFolder(path: string): Promise<boolean> {
  return await mkdir(path, { recursive: true }).then(
    () => true,
    () => false,
  )
}

async function openHeld(place: string, session: SessionOptions): Promise<OnnxSession | undefined> {
  const file = join(place, GRAPH_NAME)
  const exists = await access(file).then(
    () => true,
    () => false,
  )
  if (!exists) return undefined
  try {
    return await OnnxSession.open(file, { ...session, optimizationLevel: 'disabled', dequantizeWeights: false })
  } catch {
    await rm(place, { recursive: true, force: true })
    return undefined
  }
}

/** Another process may have been faster: its copy is as good. */
async function keep(staging: string, place: string): Promise<void> {
  await rename(staging, place).catch(() => rm(staging, { recursive: true, force: true }))
}

async function nameCopy(identity: unknown, session: SessionOptions): Promise<string> {
  const { env } = await loadRuntime()
  const processor = [process.platform, process.arch, cpus()[0]?.model]
  const { optimizationLevel, dequantizeWeights, executionProviders } = session
  const content = [identity, env.versions, processor, { optimizationLevel, dequantizeWeights, executionProviders }]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32)
}
