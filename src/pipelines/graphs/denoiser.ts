import { type FeedValue, GraphBinding, type OnnxSession } from '../../onnx-runtime/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { DENOISER_OUTPUTS, DENOISER_ROLES, type DenoiserRole } from '../roles.ts'
import { middleLast } from './control-net.ts'

/** Inputs of a UNet by role. */
export type DenoiserFeeds = Readonly<Partial<Record<DenoiserRole, FeedValue>>>

/** Inputs that carry a ControlNet's residuals. */
export const RESIDUAL_INPUT = /^(down_block_additional_residuals?|mid_block_additional_residual)/

/** A UNet graph. */
export class Denoiser {
  readonly binding: GraphBinding<DenoiserRole>
  /** Names of the inputs for residuals, downwards and then the middle; empty for most graphs. */
  readonly residualInputs: readonly string[]
  readonly #output: string
  readonly #feeds: Readonly<Record<string, FeedValue>>

  constructor(session: OnnxSession, feeds: Readonly<Record<string, FeedValue>> = {}) {
    this.#feeds = feeds
    this.binding = new GraphBinding(session, {
      roles: DENOISER_ROLES,
      required: ['latents', 'timestep', 'text'],
      alsoFed: { test: (name) => RESIDUAL_INPUT.test(name) || name in feeds },
    })
    this.residualInputs = middleLast([...session.inputs.keys()].filter((name) => RESIDUAL_INPUT.test(name)))
    this.#output = this.binding.chooseOutput(DENOISER_OUTPUTS)
  }

  /** Predicts; roles that the graph lacks must not be fed. `residuals` are fed by name. */
  async predict(feeds: DenoiserFeeds, residuals: Readonly<Record<string, FeedValue>> = {}): Promise<Tensor> {
    const results = await this.binding.run(feeds, [this.#output], { ...this.#feeds, ...residuals })
    return results[this.#output]!
  }
}
