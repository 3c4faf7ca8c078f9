import { type FeedValue, GraphBinding, type OnnxSession, type RoleNames } from '../../onnx-runtime/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { DENOISER_ROLES, type DenoiserRole } from '../roles.ts'

type ControlRole = Extract<DenoiserRole, 'latents' | 'timestep' | 'text' | 'pooled' | 'timeIds'> | 'condition' | 'scale'

const { latents, timestep, text, pooled, timeIds } = DENOISER_ROLES
const CONTROL_ROLES: RoleNames<ControlRole> = {
  condition: ['controlnet_cond', 'cond', 'control_image', 'image'],
  scale: ['conditioning_scale'],
  latents,
  timestep,
  text,
  pooled,
  timeIds,
}

/** What a ControlNet is fed, beside its own condition picture. */
export type ControlFeeds = Readonly<Partial<Record<Exclude<ControlRole, 'condition' | 'scale'>, FeedValue>>>

/** A ControlNet graph (arXiv 2302.05543): looks at a condition picture and gives what is added inside the UNet. */
export class ControlNet {
  readonly #binding: GraphBinding<ControlRole>
  readonly #outputs: readonly string[]

  /** The residuals are means over the picture, made for the prompt's branch only. */
  readonly poolsResiduals: boolean

  constructor(session: OnnxSession, poolsResiduals = false) {
    this.poolsResiduals = poolsResiduals
    this.#binding = new GraphBinding(session, {
      roles: CONTROL_ROLES,
      required: ['latents', 'timestep', 'text', 'condition'],
    })
    this.#outputs = middleLast([...session.outputs.keys()])
  }

  /** Residuals for the UNet's blocks downwards, then for its middle, each times its factor. `condition` is [1, 3, H, W] of 0 … 1. */
  async run(feeds: ControlFeeds, condition: Tensor, factorOf: (place: number, count: number) => number): Promise<Tensor[]> {
    const known = Object.entries(feeds).filter(([role]) => this.#binding.has(role as ControlRole))
    // Graphs that scale for themselves have one factor for all.
    const own = this.#binding.has('scale') ? { scale: { data: [1], shape: [] } } : {}
    const results = await this.#binding.run({ ...Object.fromEntries(known), condition, ...own }, this.#outputs)
    return this.#outputs.map((name, place) => multiply(results[name]!, factorOf(place, this.#outputs.length)))
  }
}

/** Names in order, the middle block's at the end, as UNets list them. */
export function middleLast(names: readonly string[]): string[] {
  const isMiddle = (name: string) => name.startsWith('mid')
  return [...names.filter((name) => !isMiddle(name)), ...names.filter(isMiddle)]
}

function multiply({ data, shape }: Tensor, factor: number): Tensor {
  const rounded = Math.fround(factor)
  return { data: data.map((value) => value * rounded), shape }
}
