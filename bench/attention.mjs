// One evaluation of a UNet as exported and with its attention rewritten to the fused operator: time and peak memory, each in a
// process of its own. Usage: node bench/attention.mjs MODEL_FOLDER [LATENT_SIDE]; build first. LATENT_SIDE 64 is 512×512.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OnnxModel } from '../dist/onnx-proto/onnx-model.js'
import { encodePatched } from '../dist/onnx-proto/patched-proto.js'
import { OnnxSession } from '../dist/onnx-runtime/index.js'
import { fuseAttention } from '../dist/pipelines/adapters/fuse-attention.js'

const EVALUATIONS = 3
const TOKENS = 77

function madeUp(shape, frequency) {
  const length = shape.reduce((product, size) => product * size, 1)
  return { data: Float32Array.from({ length }, (_, i) => Math.sin(i * frequency)), shape }
}

async function openFused(file) {
  const model = await OnnxModel.read(file)
  await fuseAttention(model)
  return await OnnxSession.open({ ...(await encodePatched(model)), label: 'unet' })
}

async function measure(form, folder, side) {
  const file = join(folder, 'unet', 'model.onnx')
  const session = form === 'fused' ? await openFused(file) : await OnnxSession.open(file)
  const { cross_attention_dim: width } = JSON.parse(readFileSync(join(folder, 'unet', 'config.json'), 'utf8'))
  const feeds = {
    sample: madeUp([1, 4, side, side], 12.9898),
    timestep: { data: [500], shape: [] },
    encoder_hidden_states: madeUp([1, TOKENS, width], 38.967),
  }
  const times = []
  for (let i = 0; i <= EVALUATIONS; i++) {
    const start = performance.now()
    await session.run(feeds, ['out_sample'])
    if (i > 0) times.push(performance.now() - start)
  }
  const peakMb = process.resourceUsage().maxRSS / 1024
  return `  ${form.padEnd(8)} ${Math.min(...times).toFixed(0)} ms an evaluation, peak ${peakMb.toFixed(0)} MB\n`
}

const [folder, side = '64', form] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('Name a model folder with a UNet of real size: node bench/attention.mjs MODEL_FOLDER [LATENT_SIDE]\n')
  process.exitCode = 2
} else if (form === undefined) {
  for (const each of ['exported', 'fused'])
    spawnSync(process.execPath, [process.argv[1], folder, side, each], { stdio: 'inherit' })
} else {
  process.stdout.write(await measure(form, folder, Number(side)))
}
