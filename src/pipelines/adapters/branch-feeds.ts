import { DiffgentorError } from '../../errors.ts'
import type { FeedValue } from '../../onnx-runtime/index.ts'
import type { SitePlan } from './lora-plan.ts'
import { type LowRankUpdate, lowRankUpdate } from './lora-update.ts'
import { branchInputs } from './low-rank-branches.ts'

interface Scaled extends LowRankUpdate {
  /** Weight times alpha over rank. */
  factor: number
}

/** Values for the inputs that low-rank branches added: all LoRAs of a module side by side on the rank axis, their weights in `up`. */
export function branchFeeds(plans: readonly SitePlan[]): Record<string, FeedValue> {
  const feeds: Record<string, FeedValue> = {}
  for (const { site, branched } of plans) {
    if (branched.length === 0) continue
    const updates = branched.map(({ lora, weight }): Scaled => {
      const update = lowRankUpdate(lora)!
      return { ...update, factor: weight * update.scale }
    })
    const { down, up } = branchInputs(site.path)
    const values = site.kind === 'linear' ? linearFeeds(site.path, updates) : convolutionFeeds(site.path, updates)
    feeds[down] = values.down
    feeds[up] = values.up
  }
  return feeds
}

/** Down as [in, rank] and up as [rank, out], ready to be multiplied from the right. */
function linearFeeds(path: string, updates: readonly Scaled[]): { down: FeedValue; up: FeedValue } {
  const { inputs, outputs, rank } = sizes(path, updates)
  const down = new Float32Array(inputs * rank)
  const up = new Float32Array(rank * outputs)
  let start = 0
  for (const update of updates) {
    for (let r = 0; r < update.rank; r++) {
      for (let i = 0; i < inputs; i++) down[i * rank + start + r] = update.down.data[r * inputs + i]!
      for (let o = 0; o < outputs; o++) up[(start + r) * outputs + o] = update.up.data[o * update.rank + r]! * update.factor
    }
    start += update.rank
  }
  return { down: { data: down, shape: [inputs, rank] }, up: { data: up, shape: [rank, outputs] } }
}

/** Down as [rank, in, h, w] and up as [out, rank, 1, 1], as convolutions store their weights. */
function convolutionFeeds(path: string, updates: readonly Scaled[]): { down: FeedValue; up: FeedValue } {
  const { inputs, outputs, rank } = sizes(path, updates)
  const [, channels = inputs, height = 1, width = 1] = updates[0]!.down.shape
  const down = new Float32Array(rank * inputs)
  const up = new Float32Array(outputs * rank)
  let start = 0
  for (const update of updates) {
    down.set(update.down.data, start * inputs)
    for (let o = 0; o < outputs; o++) {
      for (let r = 0; r < update.rank; r++) up[o * rank + start + r] = update.up.data[o * update.rank + r]! * update.factor
    }
    start += update.rank
  }
  return { down: { data: down, shape: [rank, channels, height, width] }, up: { data: up, shape: [outputs, rank, 1, 1] } }
}

/** `inputs` counts the values of one row of `down`: channels times kernel cells. */
function sizes(path: string, updates: readonly Scaled[]): { inputs: number; outputs: number; rank: number } {
  const [first, ...others] = updates.map(({ down, up, rank }) => ({
    inputs: down.data.length / rank,
    outputs: up.data.length / rank,
  }))
  if (first === undefined || others.some(({ inputs, outputs }) => inputs !== first.inputs || outputs !== first.outputs)) {
    throw new DiffgentorError(
      'invalid_request',
      `The LoRAs do not agree on the size of ${path}; they were made for different models.`,
      {
        field: 'loras',
      },
    )
  }
  return { ...first, rank: updates.reduce((sum, { rank }) => sum + rank, 0) }
}
