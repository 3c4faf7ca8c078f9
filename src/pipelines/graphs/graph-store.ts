import type { CallContext } from '../../contract/index.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import { OnnxSession, type SessionOptions } from '../../onnx-runtime/index.ts'
import { memoryOf, weightBytes } from '../folder/weight-sizes.ts'
import type { GraphVariant } from './graph-variant.ts'

/** Graphs that work together in one phase; with `offload`, the others leave memory when a phase begins. */
export type GraphStage = 'text' | 'denoise' | 'vae' | 'upscale' | 'safety'

export interface GraphStoreOptions {
  session: SessionOptions
  /** Keep only the graphs of the current stage. */
  offload: boolean
  /** Opens a graph as it is stored. Default: as it is. */
  openStored?: ((signature: GraphSignature, session: SessionOptions) => Promise<OnnxSession>) | undefined
}

export interface GraphRequest<Graph> {
  /** The stored graph. */
  signature: GraphSignature
  /** What messages and progress call it. */
  name: string
  stage: GraphStage
  variant?: GraphVariant | undefined
  /** Wraps the session; called once for a session and the variant's feeds. */
  wrap: (session: OnnxSession) => Graph
  context: Pick<CallContext, 'signal' | 'onProgress'>
}

interface OpenGraph {
  file: string
  session: OnnxSession
  graph: unknown
  stage: GraphStage
  /** Names the feeds that the graph was wrapped with. */
  identity: string
}

/** Requests that take turns with and without LoRAs then load nothing again. */
const FORMS_HELD = 3
/** Part of the free memory that further forms of a graph may take. */
const SPARE_SHARE = 0.5

/** Opens graphs when they are first needed. Of each graph it holds the form used last, and a few more as long as there is plenty of memory. */
export class GraphStore implements AsyncDisposable {
  readonly #options: GraphStoreOptions
  /** By file and variant, the one used last at the end. */
  readonly #open = new Map<string, OpenGraph>()
  #closedMs = 0

  constructor(options: GraphStoreOptions) {
    this.#options = options
  }

  /** Whether loading a graph may push others out of memory. */
  get offloads(): boolean {
    return this.#options.offload
  }

  /** Milliseconds computed so far, by released graphs too. */
  get runtimeMs(): number {
    return [...this.#open.values()].reduce((sum, { session }) => sum + session.runtimeMs, this.#closedMs)
  }

  /** The graph in the form wanted. */
  async get<Graph>({ signature, name, stage, variant, wrap, context }: GraphRequest<Graph>): Promise<Graph> {
    const { file } = signature
    const key = `${file}|${variant?.key ?? ''}`
    const identity = variant?.identity ?? ''
    const held = this.#open.get(key)
    if (held) {
      this.#open.delete(key)
      this.#open.set(key, held)
      if (held.identity !== identity) Object.assign(held, { graph: wrap(held.session), identity })
      return held.graph as Graph
    }
    await this.#releaseForms(signature)
    if (this.#options.offload) await this.#releaseOthers(stage)
    context.signal.throwIfAborted()
    context.onProgress?.({ phase: 'load', component: name })
    const session = await this.#openSession(signature, variant)
    try {
      const graph = wrap(session)
      this.#open.set(key, { file, session, graph, stage, identity })
      return graph
    } catch (error) {
      await session.release()
      throw error
    }
  }

  /** Makes room for one more form of a graph. */
  async #releaseForms({ file, initializerBytes }: GraphSignature): Promise<void> {
    const forms = [...this.#open].filter(([, held]) => held.file === file).map(([key]) => key)
    const bytes = Object.values(initializerBytes).reduce((sum, count) => sum + count, 0)
    const isRoomy = !this.#options.offload && bytes <= process.availableMemory() * SPARE_SHARE
    for (const key of isRoomy ? forms.slice(0, 1 - FORMS_HELD) : forms) await this.#release(key)
  }

  async #openSession(signature: GraphSignature, variant: GraphVariant | undefined): Promise<OnnxSession> {
    const { file } = signature
    const { openStored } = this.#options
    const session = {
      ...this.#options.session,
      dequantizeWeights: hasOnlyWeightsQuantized(signature),
      mapWeights: this.#options.session.mapWeights && !isExpanded(signature),
    }
    if (variant) return await OnnxSession.open(await variant.build(file), session)
    return openStored ? await openStored(signature, session) : await OnnxSession.open(file, session)
  }

  async #releaseOthers(stage: GraphStage): Promise<void> {
    for (const [key, held] of this.#open) if (held.stage !== stage) await this.#release(key)
  }

  async #release(key: string): Promise<void> {
    const held = this.#open.get(key)
    if (!held) return
    this.#open.delete(key)
    this.#closedMs += held.session.runtimeMs
    await held.session.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const key of [...this.#open.keys()]) await this.#release(key)
  }
}

/** Half precision is computed with as float32, which no file holds. */
function isExpanded(signature: GraphSignature): boolean {
  return memoryOf(signature) > weightBytes(signature)
}

/** Weights stored as integers and computed with as floats: nothing in the graph quantizes activations. */
function hasOnlyWeightsQuantized({ operators }: GraphSignature): boolean {
  const standard = operators.get('')
  return standard?.has('DequantizeLinear') === true && !standard.has('QuantizeLinear')
}
