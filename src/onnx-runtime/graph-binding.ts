import { DiffgentorError } from '../errors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { FeedValue } from './feed-values.ts'
import type { OnnxSession, ValueInfo } from './onnx-session.ts'

/** Names under which exporters know each role, best first. */
export type RoleNames<Role extends string> = Readonly<Record<Role, readonly string[]>>

export interface BindingOptions<Role extends string> {
  /** Every role that the caller could feed. */
  roles: RoleNames<Role>
  /** Roles without which the graph is of no use. */
  required: readonly Role[]
  /** Inputs outside the roles that the caller feeds by their own names. */
  alsoFed?: { test(name: string): boolean } | undefined
}

/** Ties roles such as `timestep` to the real inputs of one graph: names, ranks and fixed sizes come from the graph. */
export class GraphBinding<Role extends string> {
  readonly session: OnnxSession
  readonly #inputs = new Map<Role, ValueInfo>()
  /** Inputs that record no shape and turned out not to be scalars. */
  readonly #vectors = new Set<string>()

  constructor(session: OnnxSession, { roles, required, alsoFed }: BindingOptions<Role>) {
    this.session = session
    const free = new Map([...session.inputs.values()].map((input) => [normalize(input.name), input]))
    for (const [role, names] of Object.entries(roles) as [Role, readonly string[]][]) {
      const name = names.find((candidate) => free.has(candidate))
      if (name === undefined) continue
      this.#inputs.set(role, free.get(name)!)
      free.delete(name)
    }
    const missing = required.find((role) => !this.#inputs.has(role))
    if (missing) {
      throw unreadable(
        session,
        `has no input for ${roles[missing].join(' or ')}; its inputs are ${[...session.inputs.keys()].join(', ')}`,
      )
    }
    const unknown = [...free.values()].find((input) => !alsoFed?.test(input.name))
    if (unknown) throw unreadable(session, `wants an input "${unknown.name}" that diffgentor does not know`)
  }

  has(role: Role): boolean {
    return this.#inputs.has(role)
  }

  /** The declared shape of a role's input; undefined where the graph lacks the role. */
  shapeOf(role: Role): readonly (number | string)[] | undefined {
    return this.#inputs.get(role)?.shape
  }

  /** The size that the graph fixes for an axis; undefined where it is free. */
  fixedSize(role: Role, axis: number): number | undefined {
    const size = this.#inputs.get(role)?.shape[axis]
    return typeof size === 'number' && size > 0 ? size : undefined
  }

  /** The name of the output wanted: the only one, else the first of the names that exists. */
  chooseOutput(names: readonly string[]): string {
    const outputs = [...this.session.outputs.keys()]
    const chosen = outputs.length === 1 ? outputs[0] : names.find((name) => outputs.includes(name))
    if (chosen === undefined) throw unreadable(this.session, `has none of the outputs ${names.join(', ')}`)
    return chosen
  }

  /** Computes outputs from feeds by role, and by plain name in `named`. Roles that the graph lacks must not be fed. */
  async run(
    feeds: Readonly<Partial<Record<Role, FeedValue>>>,
    outputs: readonly string[],
    named: Readonly<Record<string, FeedValue>> = {},
  ): Promise<Record<string, Tensor>> {
    const given = { ...named, ...this.#nameFeeds(feeds) }
    try {
      return await this.session.run(this.#fitAll(given), outputs)
    } catch (cause) {
      if (!this.#learnVectors(given, cause)) throw explainRunFailure(this.session, cause)
      return await this.session.run(this.#fitAll(given), outputs)
    }
  }

  #nameFeeds(feeds: Readonly<Partial<Record<Role, FeedValue>>>): Record<string, FeedValue> {
    const named: Record<string, FeedValue> = {}
    for (const [role, value] of Object.entries(feeds) as [Role, FeedValue | undefined][]) {
      if (value === undefined) continue
      const input = this.#inputs.get(role)
      if (!input) throw new DiffgentorError('internal', `The graph ${this.session.label} has no input for ${role}.`)
      named[input.name] = value
    }
    return named
  }

  #fitAll(feeds: Readonly<Record<string, FeedValue>>): Record<string, FeedValue> {
    return Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, this.#fit(name, value)]))
  }

  /** Gives a feed the declared rank, and checks it against fixed sizes. */
  #fit(name: string, value: FeedValue): FeedValue {
    const declared = this.session.inputs.get(name)?.shape ?? []
    if (declared.length === 0 && value.data.length === 1) return { data: value.data, shape: this.#vectors.has(name) ? [1] : [] }
    const added = Math.max(0, declared.length - value.shape.length)
    const shape = added === 0 ? value.shape : [...new Array<number>(added).fill(1), ...value.shape]
    const fits = declared.every((size, axis) => typeof size !== 'number' || size === shape[axis])
    if (!fits) {
      throw new DiffgentorError(
        'unsupported',
        `The graph ${this.session.label} takes ${name} only as [${declared.map((size) => (size === '' ? '?' : size)).join(', ')}], got [${shape.join(', ')}].`,
      )
    }
    return { data: value.data, shape }
  }

  /** Metadata cannot tell a scalar from a shape that was not recorded: the runtime's complaint can. */
  #learnVectors(feeds: Readonly<Record<string, FeedValue>>, cause: unknown): boolean {
    const message = cause instanceof Error ? cause.message : ''
    const blamed = Object.keys(feeds).filter(
      (name) => message.includes('Invalid rank') && message.includes(name) && !this.#vectors.has(name),
    )
    for (const name of blamed) this.#vectors.add(name)
    return blamed.length > 0
  }
}

function normalize(name: string): string {
  return name.toLowerCase()
}

function unreadable(session: OnnxSession, what: string): DiffgentorError {
  return new DiffgentorError('model_unreadable', `The graph ${session.label} ${what}.`)
}

function explainRunFailure(session: OnnxSession, cause: unknown): DiffgentorError {
  if (cause instanceof DiffgentorError) return cause
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, ' ').trim()
  const code = /bad_?alloc|failed to allocate|out of memory/i.test(reason) ? 'out_of_memory' : 'unsupported'
  const problem = code === 'out_of_memory' ? 'ran out of memory' : 'failed'
  return new DiffgentorError(code, `The graph ${session.label} ${problem} while it ran: ${reason}.`, { cause })
}
