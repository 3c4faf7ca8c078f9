import { type FeedValue, GraphBinding, type OnnxSession, type RoleNames } from '../../onnx-runtime/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** A graph that only diffgentor's own exporter makes, so that its inputs have one name each. */
export class NamedGraph<Input extends string> {
  readonly #binding: GraphBinding<Input>
  readonly #added: Readonly<Record<string, FeedValue>>

  /** @param added fed at every run, to inputs that a change of the graph added */
  constructor(session: OnnxSession, inputs: readonly Input[], added: Readonly<Record<string, FeedValue>> = {}) {
    this.#added = added
    const roles = Object.fromEntries(inputs.map((name) => [name, [name]])) as unknown as RoleNames<Input>
    this.#binding = new GraphBinding(session, { roles, required: inputs, alsoFed: { test: (name) => name in added } })
  }

  /** The size that the graph fixes for an axis; undefined where it is free. */
  fixedSize(input: Input, axis: number): number | undefined {
    return this.#binding.fixedSize(input, axis)
  }

  /** Computes the outputs named. */
  async run<Output extends string>(
    feeds: Readonly<Record<Input, FeedValue>>,
    outputs: readonly Output[],
  ): Promise<Record<Output, Tensor>> {
    return (await this.#binding.run(feeds, outputs, this.#added)) as Record<Output, Tensor>
  }
}
