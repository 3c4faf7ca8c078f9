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

  constructor(session: OnnxSession) {
    this.#binding = new GraphBinding(session, {
      roles: CONTROL_ROLES,
      required: ['latents', 'timestep', 'text', 'condition'],
    })
    this.#outputs = middleLast([...session.outputs.keys()])
  }

  /** Residuals for the UNet's blocks downwards, then for its middle, times `scale`. `condition` is [1, 3, H, W] of 0 … 1. */
  async run(feeds: ControlFeeds, condition: Tensor, scale: number): Promise<Tensor[]> {
    const known = Object.entries(feeds).filter(([role]) => this.#binding.has(role as ControlRole))
    const scalesItself = this.#binding.has('scale')
    const given = { ...Object.fromEntries(known), condition, ...(scalesItself ? { scale: { data: [scale], shape: [] } } : {}) }
    const results = await this.#binding.run(given, this.#outputs)
    return this.#outputs.map((name) => (scalesItself ? results[name]! : multiply(results[name]!, scale)))
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
