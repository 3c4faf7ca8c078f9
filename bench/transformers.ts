// How much of a picture's time lies outside ONNX Runtime, for each transformer family, with tiny models whose graphs take next to no time, so
// that all else shows. Warm, in one process, each picture with a prompt of its own, at two numbers of steps: what a step adds outside is the
// difference. "Inside" is from handing feeds to the binding until its outputs are there, its own copies included.
// Usage: node --import tsx bench/transformers.ts [PICTURES] [MODEL…]; build first.
import { encodePicture } from '../dist/images/encode-picture.js'
import { openPipeline } from '../dist/pipelines/index.js'
import type { ImageRequest } from '../src/contract/index.ts'
import { fixturePath } from '../test/support/fixtures.ts'
import { setup } from '../test/support/unpack-fixtures.ts'

const FEW_STEPS = 4
const MANY_STEPS = 20
/** Of pictures to edit and of those drawn, in pixels. */
const SIDE = 64

const images = Number(process.argv[2] ?? 15)
const context = { signal: new AbortController().signal }

interface Case {
  model: string
  modelType?: string
  /** What the request adds to a text. */
  adds?: Partial<ImageRequest>
  /** The only size that the model draws, where it does not draw the usual one of the benchmark. */
  ownSize?: boolean
}

async function makePicture(channels: 1 | 3) {
  const pixels = Uint8Array.from({ length: SIDE * SIDE * channels }, (_, i) => (i * 37) % 256)
  return await encodePicture({ kind: 'raw', width: SIDE, height: SIDE, channels, pixels }, { format: 'png' })
}

async function listCases(): Promise<Case[]> {
  const edit = { images: [await makePicture(3)] }
  const masked = { edit: { ...edit, mask: await makePicture(1) } }
  return [
    { model: 'sd3', adds: { negativePrompt: 'blurry' } },
    { model: 'flux_schnell' },
    { model: 'flux_dev' },
    { model: 'flux_dev', modelType: 'flux-kontext', adds: { edit, diffusion: { resizeReferences: false } } },
    { model: 'flux_fill', adds: masked },
    { model: 'flux2_klein' },
    { model: 'qwen_image', adds: { negativePrompt: 'blurry', trueCfgScale: 4 } },
    { model: 'qwen_image_edit', adds: { edit, negativePrompt: 'blurry', trueCfgScale: 4 } },
    { model: 'z_image' },
    { model: 'sana', adds: { diffusion: { resolutionBinning: false } } },
    { model: 'pixart_sigma', adds: { diffusion: { resolutionBinning: false } } },
    { model: 'unidiffuser', ownSize: true },
    { model: 'wan_t2v', adds: { diffusion: { numFrames: 5 } } },
  ]
}

interface Timing {
  wallMs: number
  insideMs: number
}

type Pipeline = Awaited<ReturnType<typeof openPipeline>>

async function timePicture(
  pipeline: Pipeline,
  { adds, ownSize }: Case,
  seed: number,
  numInferenceSteps: number,
): Promise<Timing> {
  const request: ImageRequest = {
    prompt: `a red fox, number ${seed}`,
    numImages: 1,
    seeds: [seed],
    numInferenceSteps,
    ...(ownSize ? {} : { size: { width: SIDE, height: SIDE } }),
    ...adds,
  }
  const [start, inside] = [performance.now(), pipeline.runtimeMs]
  await pipeline.run(request, context)
  return { wallMs: performance.now() - start, insideMs: pipeline.runtimeMs - inside }
}

/** The picture with the least time outside: what lies above it is other programs' work. */
function quietest(timings: readonly Timing[]): Timing {
  return timings.reduce((best, one) => (one.wallMs - one.insideMs < best.wallMs - best.insideMs ? one : best))
}

async function measure(each: Case): Promise<void> {
  const { model, modelType } = each
  const pipeline = await openPipeline({
    folder: fixturePath(`dit/${model}/model`),
    modelType,
    intraOpThreads: 1,
    allowSpinning: false,
  })
  const few: Timing[] = []
  const many: Timing[] = []
  for (let seed = 0; seed <= images; seed++) {
    const pair = [
      await timePicture(pipeline, each, 2 * seed, FEW_STEPS),
      await timePicture(pipeline, each, 2 * seed + 1, MANY_STEPS),
    ]
    // The first ones load graphs and compile code.
    if (seed < 3) continue
    few.push(pair[0]!)
    many.push(pair[1]!)
  }
  await pipeline[Symbol.asyncDispose]()
  const [short, long] = [quietest(few), quietest(many)]
  const name = modelType ?? model
  const perStep = (long.wallMs - long.insideMs - (short.wallMs - short.insideMs)) / (MANY_STEPS - FEW_STEPS)
  process.stdout.write(`  ${name.padEnd(16)}${format(short)}${format(long)}${perStep.toFixed(3).padStart(9)} ms\n`)
}

function format({ wallMs, insideMs }: Timing): string {
  const share = (100 * (wallMs - insideMs)) / wallMs
  return `${wallMs.toFixed(1).padStart(9)} ms${insideMs.toFixed(1).padStart(8)} ms${share.toFixed(1).padStart(7)} %`
}

await setup()
process.stdout.write(
  `  ${''.padEnd(16)}${`${FEW_STEPS} steps`.padStart(12)}${'inside'.padStart(11)}${'outside'.padStart(9)}${`${MANY_STEPS} steps`.padStart(12)}${'inside'.padStart(11)}${'outside'.padStart(9)}${'a step adds'.padStart(12)}\n`,
)
const only = process.argv.slice(3)
for (const each of await listCases()) if (only.length === 0 || only.includes(each.modelType ?? each.model)) await measure(each)
