import { type FeedValue, GraphBinding, type OnnxSession } from '../../onnx-runtime/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { PaddedSequence } from '../../tokenizers/index.ts'
import { TEXT_ROLES, type TextRole } from '../roles.ts'

const STATE_OUTPUTS = ['prompt_embeds', 'last_hidden_state', 'hidden_states', 'output', 'out']

/** The graph of a T5, UMT5, Qwen or Gemma encoder: ids, and a mask where it takes one, to states [1, tokens, width]. */
export class SequenceGraph {
  readonly #binding: GraphBinding<TextRole>
  readonly #output: string
  readonly #feeds: Readonly<Record<string, FeedValue>>

  /** @param feeds fed at every run, to inputs that adapters added */
  constructor(session: OnnxSession, feeds: Readonly<Record<string, FeedValue>> = {}) {
    this.#feeds = feeds
    this.#binding = new GraphBinding(session, {
      roles: TEXT_ROLES,
      required: ['ids'],
      alsoFed: { test: (name) => name in feeds },
    })
    this.#output = this.#binding.chooseOutput(STATE_OUTPUTS)
  }

  async encode({ ids, mask }: PaddedSequence): Promise<Tensor> {
    const shape = [1, ids.length]
    const masked = this.#binding.has('mask') ? { mask: { data: mask, shape } } : {}
    const results = await this.#binding.run({ ids: { data: ids, shape }, ...masked }, [this.#output], this.#feeds)
    return results[this.#output]!
  }
}
