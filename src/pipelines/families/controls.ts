import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import type { FeedValue } from '../../onnx-runtime/index.ts'
import type { SchedulerStep } from '../../schedulers/scheduler.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { zeros } from '../channels.ts'
import { readCheckedGraph } from '../folder/read-signature.ts'
import { ControlNet } from '../graphs/control-net.ts'
import type { Denoiser, DenoiserFeeds } from '../graphs/denoiser.ts'
import type { Branch } from '../guidance.ts'
import type { ControlInput, DrawingJob, OpenModel } from '../job.ts'

/** What ControlNets add to one run of the denoiser. */
export interface Controls {
  /** Further inputs by role, and residuals by name. */
  feed(branch: Branch, scaled: Tensor, step: SchedulerStep): Promise<{ roles: DenoiserFeeds; named: Record<string, FeedValue> }>
}

const NO_CONTROLS: Controls = { feed: async () => ({ roles: {}, named: {} }) }

/** Loads the ControlNets of a job, as separate graphs or inside the UNet's own. A UNet made for them is fed zeros when there are none. */
export async function openControls(model: OpenModel, job: DrawingJob, denoiser: Denoiser, totalSteps: number): Promise<Controls> {
  if (denoiser.binding.has('controlImages')) return feedFusedGraph(job, denoiser, totalSteps)
  if (denoiser.residualInputs.length > 0) return await feedResiduals(model, job, denoiser, totalSteps)
  if (job.controls.length === 0) return NO_CONTROLS
  throw new DiffgentorError(
    'unsupported',
    'The UNet of this model has no inputs for a ControlNet; use a model that was exported with them (docs/models.md).',
    { field: 'controlnet' },
  )
}

/** Both networks in one graph: pictures [n, 1, 3, H, W] and one scale each. */
function feedFusedGraph({ controls, size, request }: DrawingJob, denoiser: Denoiser, totalSteps: number): Controls {
  if (controls.length > 0 && request.diffusion?.guessMode) {
    throw new DiffgentorError(
      'unsupported',
      'The ControlNet of this model is built into its UNet, where guess_mode cannot reach it; leave guess_mode out.',
      { field: 'guess_mode' },
    )
  }
  const count = denoiser.binding.fixedSize('controlScales', 0) ?? Math.max(1, controls.length)
  if (controls.length > count) {
    throw new DiffgentorError('unsupported', `This model has ${count} ControlNet(s) built in, got ${controls.length}.`, {
      field: 'controlnet',
    })
  }
  const plane = 3 * size.height * size.width
  const pictures = zeros([count, 1, 3, size.height, size.width])
  for (const [i, { picture }] of controls.entries()) pictures.data.set(picture.data, i * plane)
  return {
    async feed(_branch, _scaled, step) {
      const scales = Array.from({ length: count }, (_, i) => {
        const control = controls[i]
        return control && isActive(control, step, totalSteps) ? control.choice.scale : 0
      })
      return { roles: { controlImages: pictures, controlScales: { data: scales, shape: [count] } }, named: {} }
    },
  }
}

async function feedResiduals(model: OpenModel, job: DrawingJob, denoiser: Denoiser, totalSteps: number): Promise<Controls> {
  const nets = await Promise.all(
    job.controls.map(async (control) => ({ control, net: await openControlNet(model, job, control) })),
  )
  const nothing = noResiduals(model, job, denoiser)
  return {
    async feed({ feeds: branch, isNegative = false }, scaled, step) {
      let sums = nothing
      for (const { control, net } of nets.filter(({ control }) => isActive(control, step, totalSteps))) {
        const guesses = net.poolsResiduals || (job.request.diffusion?.guessMode ?? false)
        if (guesses && isNegative) continue
        const feeds = { ...branch, latents: scaled, timestep: { data: [step.timestep], shape: [] } }
        const { scale } = control.choice
        const residuals = await net.run(feeds, control.picture, guesses && !net.poolsResiduals ? taper(scale) : () => scale)
        sums = sums === nothing ? residuals : sums.map((sum, i) => add(sum, residuals[i]!))
      }
      return { roles: {}, named: Object.fromEntries(denoiser.residualInputs.map((name, i) => [name, sums[i]!])) }
    },
  }
}

/** A ControlNet acts while the whole step lies within its part of the schedule. */
function isActive({ choice }: ControlInput, { index }: SchedulerStep, totalSteps: number): boolean {
  return index / totalSteps >= choice.start && (index + 1) / totalSteps <= choice.end
}

/** Factors that grow from a tenth to the whole on the way down the UNet, as "guess mode" has them: the prompt has little say. */
function taper(scale: number): (place: number, count: number) => number {
  return (place, count) => Math.fround(10 ** (place / (count - 1) - 1)) * scale
}

async function openControlNet({ store }: OpenModel, { context }: DrawingJob, { choice }: ControlInput): Promise<ControlNet> {
  const graph = await findControlGraph(choice.path)
  const { signature } = await readCheckedGraph(graph)
  const poolsResiduals = await readPooling(graph)
  return await store.get({
    signature,
    name: 'controlnet',
    stage: 'denoise',
    wrap: (session) => new ControlNet(session, poolsResiduals),
    context,
  })
}

/** `global_pool_conditions` of the configuration beside the graph, which models that carry over a whole picture's mood have. */
async function readPooling(graph: string): Promise<boolean> {
  const text = await readFile(join(dirname(graph), 'config.json'), 'utf8').catch(() => '')
  return /"global_pool_conditions"\s*:\s*true/.test(text)
}

async function findControlGraph(path: string): Promise<string> {
  for (const folder of [path, join(path, 'controlnet')]) {
    const names = await readdir(folder).catch((): string[] => [])
    const graph = names.includes('model.onnx') ? 'model.onnx' : names.find((name) => name.endsWith('.onnx'))
    if (graph !== undefined) return join(folder, graph)
  }
  throw new DiffgentorError('model_not_found', `The ControlNet folder ${path} holds no ONNX graph.`, { field: 'controlnet' })
}

/** Zeros in the shapes of a UNet's residuals: one for the first convolution, then one for each layer and each halving of the blocks. */
function noResiduals({ facts }: OpenModel, { latentShape }: DrawingJob, denoiser: Denoiser): Tensor[] {
  const config = facts.folder.configs.get('unet') ?? {}
  const levels = Array.isArray(config['block_out_channels']) ? config['block_out_channels'].length : 4
  const layers = typeof config['layers_per_block'] === 'number' ? config['layers_per_block'] : 2
  const depths = [0]
  for (let level = 0; level < levels; level++) {
    depths.push(...new Array<number>(layers).fill(level))
    if (level < levels - 1) depths.push(level + 1)
  }
  depths.push(levels - 1)
  return denoiser.residualInputs.map((name, i) => {
    const channels = denoiser.binding.session.inputs.get(name)?.shape[1]
    const factor = 2 ** (depths[i] ?? levels - 1)
    return zeros([
      1,
      typeof channels === 'number' ? channels : 1,
      Math.ceil(latentShape[2]! / factor),
      Math.ceil(latentShape[3]! / factor),
    ])
  })
}

function add(a: Tensor, b: Tensor): Tensor {
  return { data: a.data.map((value, i) => value + b.data[i]!), shape: a.shape }
}
