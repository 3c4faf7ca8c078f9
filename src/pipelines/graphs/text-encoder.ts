import { DiffgentorError } from '../../errors.ts'
import { type FeedValue, GraphBinding, type OnnxSession } from '../../onnx-runtime/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { clipSkipOutput } from '../adapters/clip-skip.ts'
import { TEXT_ROLES, type TextRole } from '../roles.ts'

/** Which states a family wants from an encoder. */
export interface TextEncoderWish {
  /** The last state with its norm, or a hidden state counted from the end: 1 is the last but one (0: the last), without norm. */
  state: 'last' | number
  /** Layers left out at the end before the last norm; only with `last`, in graphs that were given outputs for it. Default 0. */
  skipped?: number | undefined
  /** The pooled projection as well. */
  pooled: boolean
}

/** What an encoder gives for one text. */
export interface EncodedText {
  /** [1, tokens, width] */
  states: Tensor
  /** [1, width], when asked for. */
  pooled: Tensor | undefined
  /** Encoder runs that lie one behind the other in `states`. Absent: 1. */
  chunks?: number | undefined
}

const POOLED_OUTPUTS = ['text_embeds', 'pooler_output', 'pooled_output', 'pooled']
const LAST_OUTPUTS = ['last_hidden_state', 'hidden_states', 'output', 'out']

/** A CLIP text encoder graph. */
export class TextEncoder {
  readonly #binding: GraphBinding<TextRole>
  readonly #session: OnnxSession
  readonly #feeds: Readonly<Record<string, FeedValue>>
  readonly #layers: number

  /** @param layers `num_hidden_layers` of the encoder's configuration; absent: told by the graph's outputs. */
  constructor(session: OnnxSession, layers: number | undefined, feeds: Readonly<Record<string, FeedValue>> = {}) {
    this.#session = session
    this.#feeds = feeds
    this.#binding = new GraphBinding(session, {
      roles: TEXT_ROLES,
      required: ['ids'],
      alsoFed: { test: (name) => name in feeds },
    })
    // Exports list the embedding's state as number 0, so there is one state more than there are layers.
    this.#layers = layers ?? [...session.outputs.keys()].filter((name) => /^hidden_states\.\d+$/.test(name)).length - 1
  }

  /** Tokens of one run, when the graph fixes them. */
  get length(): number | undefined {
    return this.#binding.fixedSize('ids', 1)
  }

  async encode(ids: readonly number[], wish: TextEncoderWish): Promise<EncodedText> {
    const states = wish.skipped ? clipSkipOutput(wish.skipped) : this.#stateOutput(wish.state)
    const pooled = wish.pooled ? this.#firstOf(POOLED_OUTPUTS, 'pooled projection') : undefined
    const shape = [1, ids.length]
    const mask = this.#binding.has('mask') ? { mask: { data: new Array<number>(ids.length).fill(1), shape } } : {}
    const outputs = pooled === undefined ? [states] : [states, pooled]
    const results = await this.#binding.run({ ids: { data: ids, shape }, ...mask }, outputs, this.#feeds)
    return { states: results[states]!, pooled: pooled === undefined ? undefined : results[pooled]! }
  }

  #stateOutput(state: TextEncoderWish['state']): string {
    if (state === 'last') return this.#firstOf(LAST_OUTPUTS, 'last hidden state')
    const name = `hidden_states.${this.#layers - state}`
    if (this.#session.outputs.has(name)) return name
    throw new DiffgentorError(
      'unsupported',
      `The text encoder ${this.#session.label} was exported without the hidden state ${name} that was asked for; export it with hidden states or use a smaller --clip_skip.`,
      { field: 'clip_skip' },
    )
  }

  #firstOf(names: readonly string[], what: string): string {
    const name = names.find((candidate) => this.#session.outputs.has(candidate))
    if (name !== undefined) return name
    throw new DiffgentorError('model_unreadable', `The text encoder ${this.#session.label} has no output for the ${what}.`)
  }
}
