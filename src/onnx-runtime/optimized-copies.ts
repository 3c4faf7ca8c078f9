import { createHash } from 'node:crypto'
import { access, rm } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { DiskCache } from '../disk-cache/disk-cache.ts'
import { freeDiskBytes } from '../disk-cache/free-space.ts'
import { makeOnce } from '../disk-cache/make-once.ts'
import { alignPackedWeights } from '../onnx-proto/align-packed-weights.ts'
import type { GraphSource } from './graph-source.ts'
import { loadRuntime } from './load-runtime.ts'
import { OnnxSession } from './onnx-session.ts'
import type { SessionOptions } from './session-options.ts'

const GRAPH_NAME = 'model.onnx'

/** Changes when copies are written in another way, so that older ones are not used. */
const FORM = 'packed 2'

/** Bytes that an optimized copy takes at most: weights of linear layers lie there twice, as they are and packed for this processor. */
export function mostCopyBytes(weightBytes: number): number {
  return 2 * weightBytes
}

export interface OptimizedCopyOptions {
  /** Where copies are kept. */
  folder: string
  cache: DiskCache
  /** Tells one state of a graph from another: its files with sizes and times, and what else shapes it. JSON values. */
  identity: unknown
  /** Bytes of the graph's weights as they are computed with. */
  weightBytes: number
  /** Keep weights packed for this processor too, so that none are held in memory; not for graphs that hold further graphs. */
  packed: boolean
  /** Makes the graph to optimize; not called when a copy is there. */
  source: () => Promise<GraphSource>
  session: SessionOptions
}

/**
 * Opens a graph from its optimized copy, which is made first where there is none. Its weights stay mapped: processes share them, and the
 * system can take their memory back. A copy belongs to one version of the runtime, one kind of processor and one set of options; results are
 * those of the graph itself. With `session.mapWeights` no copy is made, as that takes the memory which is to be spared.
 */
export async function openOptimizedCopy(options: OptimizedCopyOptions): Promise<OnnxSession> {
  const { folder, cache, identity, source, session } = options
  const place = join(folder, await nameCopy(identity, session))
  const held = await openHeld(place, options)
  if (held) return held
  const graph = await source()
  if (!session.mapWeights && (await hasRoom(options))) {
    try {
      await makeOnce(place, (staging) => saveCopy(graph, options, staging))
      await cache.tidy()
      const made = await openHeld(place, options)
      if (made) return made
    } catch {
      // Graphs that cannot be written as a copy, or a full disk: the graph is opened as it is, and says why if it cannot be.
    }
  }
  return await OnnxSession.open(graph, session)
}

async function openHeld(place: string, { cache, session }: OptimizedCopyOptions): Promise<OnnxSession | undefined> {
  const file = join(place, GRAPH_NAME)
  const exists = await access(file).then(
    () => true,
    () => false,
  )
  if (!exists) return undefined
  await cache.hold(place)
  try {
    return await OnnxSession.open(file, {
      ...session,
      mapWeights: false,
      optimizationLevel: 'disabled',
      dequantizeWeights: false,
    })
  } catch {
    await rm(place, { recursive: true, force: true })
    return undefined
  }
}

/** The runtime writes the copy while it opens the graph. */
async function saveCopy(graph: GraphSource, { session, packed }: OptimizedCopyOptions, staging: string): Promise<void> {
  const file = join(staging, GRAPH_NAME)
  const opened = await OnnxSession.open(graph, { ...session, saveOptimizedAs: { file, packed } })
  await opened.release()
  if (packed) await alignPackedWeights(file)
}

/** Whether a copy fits within the cache's limit, and on the disk. */
async function hasRoom({ folder, cache, weightBytes }: OptimizedCopyOptions): Promise<boolean> {
  const bytes = mostCopyBytes(weightBytes)
  return bytes <= cache.limitBytes && bytes <= (await freeDiskBytes(folder))
}

async function nameCopy(identity: unknown, session: SessionOptions): Promise<string> {
  const { env } = await loadRuntime()
  const processor = [process.platform, process.arch, cpus()[0]?.model]
  const { optimizationLevel, dequantizeWeights, executionProviders } = session
  const content = [FORM, identity, env.versions, processor, { optimizationLevel, dequantizeWeights, executionProviders }]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32)
}
