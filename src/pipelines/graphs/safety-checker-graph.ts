import { GraphBinding, type OnnxSession, type RoleNames } from '../../onnx-runtime/index.ts'
import { countElements, type Tensor } from '../../tensor/tensor.ts'

type CheckerRole = 'clipInput' | 'pictures'

const CHECKER_ROLES: RoleNames<CheckerRole> = {
  clipInput: ['clip_input', 'pixel_values'],
  pictures: ['images', 'image'],
}

const VERDICTS = ['has_nsfw_concepts', 'has_nsfw_concept']

/** The graph of Stable Diffusion's safety checker, as diffusers' ONNX script writes it: what CLIP sees, to a verdict. */
export class SafetyCheckerGraph {
  readonly #binding: GraphBinding<CheckerRole>
  readonly #output: string

  constructor(session: OnnxSession) {
    this.#binding = new GraphBinding(session, { roles: CHECKER_ROLES, required: ['clipInput'] })
    this.#output = this.#binding.chooseOutput(VERDICTS)
  }

  /** The side of the square that the graph takes, where it fixes one. */
  get side(): number | undefined {
    return this.#binding.fixedSize('clipInput', 2)
  }

  /** Whether a picture [1, 3, side, side] is unfit. */
  async flags(clipInput: Tensor): Promise<boolean> {
    const results = await this.#binding.run({ clipInput, ...this.#placeholder() }, [this.#output])
    return results[this.#output]!.data[0] !== 0
  }

  /** Old exports blacken a picture that goes through them, which has no part in the verdict: the smallest one will do. */
  #placeholder(): { pictures?: Tensor } {
    const declared = this.#binding.shapeOf('pictures')
    if (declared === undefined) return {}
    const shape = declared.map((size) => (typeof size === 'number' && size > 0 ? size : 1))
    return { pictures: { data: new Float32Array(countElements(shape)), shape } }
  }
}
