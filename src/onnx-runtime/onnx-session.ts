import { basename } from 'node:path'
import type { InferenceSession } from 'onnxruntime-node'
import { DiffgentorError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type FeedValue, fromRuntimeTensor, toRuntimeTensor, type ValueType } from './feed-values.ts'
import type { GraphSource } from './graph-source.ts'
import { loadRuntime, type Runtime } from './load-runtime.ts'
import { type SessionOptions, toRuntimeOptions } from './session-options.ts'

/** One input or output. Symbolic dimensions are strings, perhaps empty. */
export interface ValueInfo {
  readonly name: string
  readonly type: string
  readonly shape: readonly (number | string)[]
}

/** A graph in memory. `run` blocks the event loop while it computes. */
export class OnnxSession implements AsyncDisposable {
  readonly label: string
  readonly inputs: ReadonlyMap<string, ValueInfo>
  readonly outputs: ReadonlyMap<string, ValueInfo>
  /** Milliseconds spent computing so far. */
  runtimeMs = 0
  readonly #runtime: Runtime
  readonly #session: InferenceSession
  #released = false

  private constructor(label: string, runtime: Runtime, session: InferenceSession) {
    this.label = label
    this.#runtime = runtime
    this.#session = session
    this.inputs = indexByName(session.inputMetadata)
    this.outputs = indexByName(session.outputMetadata)
  }

  /** Loads a graph with its weights. */
  static async open(source: GraphSource, options: SessionOptions = {}): Promise<OnnxSession> {
    const runtime = await loadRuntime()
    const label = typeof source === 'string' ? labelOf(source) : source.label
    try {
      const runtimeOptions = toRuntimeOptions(options, source)
      const session =
        typeof source === 'string'
          ? await runtime.InferenceSession.create(source, runtimeOptions)
          : await runtime.InferenceSession.create(source.proto, runtimeOptions)
      return new OnnxSession(label, runtime, session)
    } catch (cause) {
      throw explainLoadFailure(label, cause)
    }
  }

  /** Computes the named outputs. Feeds are converted to the declared types; a name that the graph does not have is an error. */
  async run(feeds: Readonly<Record<string, FeedValue>>, outputs: readonly string[]): Promise<Record<string, Tensor>> {
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, value]) => [name, toRuntimeTensor(this.#runtime, value, this.#typeOf(name))]),
    )
    const start = performance.now()
    const results = await this.#session.run(tensors, [...outputs]).finally(() => {
      this.runtimeMs += performance.now() - start
    })
    return Object.fromEntries(outputs.map((name) => [name, fromRuntimeTensor(results[name]!)]))
  }

  #typeOf(name: string): ValueType {
    const input = this.inputs.get(name)
    if (!input) throw new DiffgentorError('internal', `The graph ${this.label} has no input named ${name}.`)
    return input.type as ValueType
  }

  /** Frees the graph; a second call does nothing. */
  async release(): Promise<void> {
    if (this.#released) return
    this.#released = true
    await this.#session.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}

function labelOf(file: string): string {
  return file.split(/[/\\]/).slice(-2).join('/') || basename(file)
}

function indexByName(metadata: readonly InferenceSession.ValueMetadata[]): Map<string, ValueInfo> {
  return new Map(
    metadata.map((value) => [
      value.name,
      value.isTensor
        ? { name: value.name, type: value.type, shape: [...value.shape] }
        : { name: value.name, type: 'sequence', shape: [] },
    ]),
  )
}

function explainLoadFailure(label: string, cause: unknown): DiffgentorError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ').trim()
  if (/failed to load shared library|no supported adapters|not available|execution provider/i.test(reason)) {
    return new DiffgentorError('unsupported', `The chosen device cannot be used on this machine (${reason}); use --device cpu.`, {
      cause,
      field: 'device',
    })
  }
  if (/bad_?alloc|out of memory|failed to allocate/i.test(reason)) {
    return new DiffgentorError('out_of_memory', `There is not enough memory to load ${label}: ${reason}.`, { cause })
  }
  if (/unsupported data type: 16/i.test(reason)) {
    return new DiffgentorError(
      'unsupported',
      `The graph ${label} takes bfloat16 values, which this runtime cannot feed; use a float32 or float16 export.`,
      { cause },
    )
  }
  if (/is not a registered function\/op|could not find an implementation|not_implemented/i.test(reason)) {
    return new DiffgentorError('unsupported', `The graph ${label} uses operators that this machine cannot run: ${reason}.`, {
      cause,
    })
  }
  return new DiffgentorError('model_unreadable', `The graph ${label} cannot be loaded: ${reason}.`, { cause })
}
