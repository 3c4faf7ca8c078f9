import type { CallContext } from '../../contract/index.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import { type GraphSource, OnnxSession, type SessionOptions } from '../../onnx-runtime/index.ts'
import type { GraphVariant } from './graph-variant.ts'

/** Graphs that work together in one phase; with `offload`, the others leave memory when a phase begins. */
export type GraphStage = 'text' | 'denoise' | 'vae' | 'upscale'

export interface GraphStoreOptions {
  session: SessionOptions
  /** Keep only the graphs of the current stage. */
  offload: boolean
  /** Turns a stored graph into what is loaded, such as an optimized copy. */
  resolve?: ((file: string, session: SessionOptions) => Promise<{ source: GraphSource; session: SessionOptions }>) | undefined
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
  session: OnnxSession
  graph: unknown
  stage: GraphStage
  variantKey: string
  /** Names the feeds that the graph was wrapped with. */
  identity: string
}

/** Opens graphs when they are first needed, and holds one form of each in memory. */
export class GraphStore implements AsyncDisposable {
  readonly #options: GraphStoreOptions
  readonly #open = new Map<string, OpenGraph>()
  #closedMs = 0

  constructor(options: GraphStoreOptions) {
    this.#options = options
  }

  /** Milliseconds computed so far, by released graphs too. */
  get runtimeMs(): number {
    return [...this.#open.values()].reduce((sum, { session }) => sum + session.runtimeMs, this.#closedMs)
  }

  /** The graph in the form wanted; another form of the same file leaves memory first. */
  async get<Graph>({ signature, name, stage, variant, wrap, context }: GraphRequest<Graph>): Promise<Graph> {
    const { file } = signature
    const variantKey = variant?.key ?? ''
    const held = this.#open.get(file)
    const identity = variant?.identity ?? ''
    if (held?.identity === identity) return held.graph as Graph
    if (held?.variantKey === variantKey) {
      held.graph = wrap(held.session)
      held.identity = identity
      return held.graph as Graph
    }
    if (held) await this.#release(file)
    if (this.#options.offload) await this.#releaseOthers(stage)
    context.signal.throwIfAborted()
    context.onProgress?.({ phase: 'load', component: name })
    const session = await this.#openSession(signature, variant)
    try {
      const graph = wrap(session)
      this.#open.set(file, { session, graph, stage, variantKey, identity })
      return graph
    } catch (error) {
      await session.release()
      throw error
    }
  }

  async #openSession(signature: GraphSignature, variant: GraphVariant | undefined): Promise<OnnxSession> {
    const { file } = signature
    const { resolve } = this.#options
    const session = { ...this.#options.session, dequantizeWeights: hasOnlyWeightsQuantized(signature) }
    if (variant) return await OnnxSession.open(await variant.build(file), session)
    const resolved = resolve ? await resolve(file, session) : { source: file, session }
    return await OnnxSession.open(resolved.source, resolved.session)
  }

  async #releaseOthers(stage: GraphStage): Promise<void> {
    for (const [file, held] of this.#open) if (held.stage !== stage) await this.#release(file)
  }

  async #release(file: string): Promise<void> {
    const held = this.#open.get(file)
    if (!held) return
    this.#open.delete(file)
    this.#closedMs += held.session.runtimeMs
    await held.session.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of [...this.#open.keys()]) await this.#release(file)
  }
}

/** Weights stored as integers and computed with as floats: nothing in the graph quantizes activations. */
function hasOnlyWeightsQuantized({ operators }: GraphSignature): boolean {
  const standard = operators.get('')
  return standard !== undefined && standard.has('DequantizeLinear') && !standard.has('QuantizeLinear')
}
