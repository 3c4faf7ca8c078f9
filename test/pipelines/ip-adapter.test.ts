import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { IpAdapterChoice, Progress } from '../../src/contract/index.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { OnnxModel } from '../../src/onnx-proto/onnx-model.ts'
import { OnnxTensor } from '../../src/onnx-proto/onnx-tensor.ts'
import { openPipeline } from '../../src/pipelines/index.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readGolden, readGoldenCases } from '../support/golden-cases.ts'
import { describeGoldens, idleContext } from '../support/golden-suite.ts'
import { runCli } from '../support/run-cli.ts'

for (const model of ['ip-adapter-tiny', 'ip-adapter-plus-tiny', 'ip-adapter-xl-tiny']) {
  describeGoldens({ model, prefixes: [''], root: 'ip-adapter-goldens' })
}

const PICTURE = readFileSync(fixturePath('images/inputs/d-150x101.png'))
const ask = (ipAdapter?: IpAdapterChoice, seeds = [42]) => ({
  prompt: 'a fox',
  numImages: seeds.length,
  seeds,
  numInferenceSteps: 2,
  diffusion: { ipAdapter, saveLatents: true },
})

describe('a model with an IP-Adapter', () => {
  it('draws without a picture as if the adapter were not there', async () => {
    await using pipeline = await openPipeline({ folder: fixturePath('models/ip-adapter-tiny') })
    const bare = await pipeline.run(ask(), idleContext)
    const silent = await pipeline.run(ask({ images: [PICTURE], scale: 0 }), idleContext)
    const seen = await pipeline.run(ask({ images: [PICTURE] }), idleContext)
    expect(bare.warnings).toEqual([])
    expect(silent.images[0]!.latents).toEqual(bare.images[0]!.latents)
    expect(seen.images[0]!.latents).not.toEqual(bare.images[0]!.latents)
  })

  it('tells in the recipe which pictures were shown, and how much they counted', async () => {
    await using pipeline = await openPipeline({ folder: fixturePath('models/ip-adapter-tiny') })
    const { recipe } = await pipeline.run(ask({ images: [PICTURE], scale: 0.5 }), idleContext)
    expect(recipe.settings).toMatchObject({
      ip_adapter_image: [expect.stringMatching(/^sha256:[0-9a-f]{64}$/)],
      ip_adapter_scale: 0.5,
    })
  })

  it('encodes a picture once for all pictures that are drawn from it', async () => {
    await using pipeline = await openPipeline({ folder: fixturePath('models/ip-adapter-plus-tiny'), cpuOffload: true })
    const loaded: string[] = []
    const onProgress = (event: Progress) => void (event.phase === 'load' && loaded.push(event.component))
    await pipeline.run(ask({ images: [PICTURE] }), { ...idleContext, onProgress })
    expect(loaded).toContain('image_encoder')
    loaded.length = 0
    await pipeline.run(ask({ images: [PICTURE] }, [43]), { ...idleContext, onProgress })
    expect(loaded).not.toContain('image_encoder')
  })
})

describe('a picture for a model that cannot look at it', () => {
  const refuse = async (folder: string, choice: IpAdapterChoice) => {
    await using pipeline = await openPipeline({ folder })
    return await pipeline.run(ask(choice), idleContext).then(
      () => 'drawn',
      (error: Error) => error.message,
    )
  }

  it('is refused with the name of the script that adds an adapter', async () => {
    expect(await refuse(fixturePath('models/sd15-tiny'), { images: [PICTURE] })).toContain('tools/export/export_ip_adapter.py')
    expect(await refuse(fixturePath('models/sdxl-tiny'), { images: [PICTURE] })).toContain('tools/export/export_ip_adapter.py')
  })

  it('is refused where the family has no adapters', async () => {
    expect(await refuse(fixturePath('dit/flux_schnell/model'), { images: [PICTURE] })).toContain('only Stable Diffusion and SDXL')
  })

  it('is refused where the image encoder is missing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diffgentor-ip-adapter-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    cpSync(fixturePath('models/ip-adapter-tiny'), folder, { recursive: true })
    rmSync(join(folder, 'image_encoder'), { recursive: true })
    expect(await refuse(folder, { images: [PICTURE] })).toContain('no image encoder')
  })
})

describe('a model whose graph has no input for the scale', () => {
  it('draws at the scale that it was exported with, and refuses another one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diffgentor-ip-adapter-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    cpSync(fixturePath('models/ip-adapter-tiny'), folder, { recursive: true })
    const file = join(folder, 'unet', 'model.onnx')
    const graph = await OnnxModel.read(file)
    // An input with a value of its own cannot be fed.
    const scale = new Uint8Array(Float32Array.of(1).buffer)
    graph.setInitializer(OnnxTensor.create('ip_adapter_scale', 'float32', [1], scale))
    const bytes = readFileSync(file)
    for (const { name, dtype, dims, span } of [...graph.initializers.values()]) {
      if (!span) continue
      graph.setInitializer(OnnxTensor.create(name, dtype, dims, bytes.subarray(span.offset, span.offset + span.length)))
    }
    writeFileSync(file, graph.encode())
    await using pipeline = await openPipeline({ folder })
    await using free = await openPipeline({ folder: fixturePath('models/ip-adapter-tiny') })
    const shown = { images: [PICTURE] }
    const [baked, asked] = [await pipeline.run(ask(shown), idleContext), await free.run(ask(shown), idleContext)]
    expect(baked.images[0]!.latents).toEqual(asked.images[0]!.latents)
    await expect(pipeline.run(ask({ ...shown, scale: 0.5 }), idleContext)).rejects.toThrow(
      'export it with the input ip_adapter_scale',
    )
    const { warnings } = await pipeline.run(ask(), idleContext)
    expect(warnings).toContainEqual(expect.objectContaining({ field: 'ip_adapter_image' }))
  })
})

describe('t2i with pictures for an IP-Adapter', () => {
  it('shows each row its own, found beside the data set, at its own scale', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diffgentor-ip-adapter-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    copyFileSync(fixturePath('images/inputs/d-150x101.png'), join(folder, 'shown.png'))
    const goldens = readGoldenCases(['ipa-t2i', 'ipa-s0'], 'ip-adapter-goldens').filter(({ name }) => !name.includes('neg'))
    const rows = goldens.map(({ request }) => ({
      prompt: request.prompt,
      seed: 42,
      ip_adapter_image: 'shown.png',
      ip_adapter_scale: request.diffusion?.ipAdapter?.scale ?? 1,
    }))
    writeFileSync(join(folder, 'rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const { code } = await runCli([
      ...['t2i', '--model_name', fixturePath('models/ip-adapter-tiny'), '--prompts_file', join(folder, 'rows.jsonl')],
      ...['--num_inference_steps', '4', '--guidance_scale', '7.5', '--output_dir', join(folder, 'out'), '--no_progress'],
    ])
    expect(code).toBe(0)
    expect(goldens.map(({ name }) => name)).toEqual(['ipa-s0', 'ipa-t2i'])
    for (const [row, golden] of goldens.entries()) {
      const { pixels } = (await decodePicture(readFileSync(join(folder, `out/00000${row}.png`)))).picture
      const { values } = readGolden(golden, 'image')
      expect(pixels.every((value, i) => Math.abs(value - values[i]!) <= 1)).toBe(true)
    }
  })

  it('ends before the first row where the model cannot look at them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diffgentor-ip-adapter-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const { code, stderr } = await runCli([
      ...['t2i', '--model_name', fixturePath('models/sd15-tiny'), '--prompt', 'a fox', '--output_dir', join(folder, 'out')],
      ...['--ip_adapter_image', fixturePath('images/inputs/d-150x101.png')],
    ])
    expect(code).toBe(2)
    expect(stderr).toContain('tools/export/export_ip_adapter.py')
    expect(existsSync(join(folder, 'out', 'ledger.jsonl'))).toBe(false)
  })
})
