import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Progress } from '../../src/contract/index.ts'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { readClipProcessor, toClipInput } from '../../src/pipelines/clip/clip-processor.ts'
import { GraphStore } from '../../src/pipelines/graphs/graph-store.ts'
import { openPipeline } from '../../src/pipelines/index.ts'
import { findOwnSafetyChecker, findSafetyChecker } from '../../src/pipelines/safety/find-safety-checker.ts'
import { SafetyChecker } from '../../src/pipelines/safety/safety-checker.ts'
import { expectWithin, FLOAT32_TOLERANCE, measureDeviation } from '../support/compare-goldens.ts'
import { fixturePath } from '../support/fixtures.ts'
import { readGolden, readGoldenCases } from '../support/golden-cases.ts'
import { idleContext } from '../support/golden-suite.ts'
import { readNpy } from '../support/read-npy.ts'
import { runCli } from '../support/run-cli.ts'

const MODEL = fixturePath('models/sd15-tiny')
const CHECKER = fixturePath('models/safety-checker-tiny')
/** Three pictures, of which the checker's weights were chosen to flag the second. */
const [THREE] = readGoldenCases(['sd15-t2i-n3'])

const readInput = async (name: string) => (await decodePicture(readFileSync(fixturePath(`images/inputs/${name}`)))).picture

interface Decision {
  flagged: boolean
}

describe('the safety checker', () => {
  const decisions: Record<string, Decision> = JSON.parse(readFileSync(join(CHECKER, 'expected/decisions.json'), 'utf8'))
  const pictures = Object.entries(decisions).filter(([name]) => name.endsWith('.png'))

  it.each(pictures)('decides on %s as diffusers does', async (name, { flagged }) => {
    await using store = new GraphStore({ session: {}, offload: false })
    const checker = new SafetyChecker(await findSafetyChecker(CHECKER), store)
    expect(await checker.isUnfit(await readInput(name), idleContext)).toBe(flagged)
  })

  it.each(['b-96x64', 'e-33x47', 'grey-20x20', 'palette-24x18', 'alpha-40x30'])(
    'sees the very values of %s that transformers makes',
    async (name) => {
      const processor = await readClipProcessor([join(CHECKER, 'feature_extractor/preprocessor_config.json')], 224)
      const { data, shape } = toClipInput(await readInput(`${name}.png`), processor)
      const golden = readNpy(join(CHECKER, `expected/clip-${name}.npy`))
      expect(shape).toEqual(golden.shape)
      expect(Array.from(data)).toEqual(Array.from(golden.values))
    },
  )

  it('reads the older form of a processor, where a number is the side', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diffgentor-processor-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'preprocessor_config.json')
    writeFileSync(file, JSON.stringify({ crop_size: 16, size: 20, resample: 2, do_center_crop: true, do_resize: true }))
    const processor = await readClipProcessor([join(folder, 'missing.json'), file], 224)
    expect(processor).toMatchObject({ resize: 20, filter: 'bilinear', crop: { width: 16, height: 16 } })
  })
})

describe('a pipeline with a safety checker', () => {
  it('blackens what is flagged, keeps nothing of it, and leaves the other pictures as they are', async () => {
    await using pipeline = await openPipeline({ folder: MODEL, safetyChecker: await findSafetyChecker(CHECKER) })
    const { images, warnings } = await pipeline.run(THREE!.request, idleContext)
    expect(images.map(({ isFlagged }) => isFlagged)).toEqual([false, true, false])
    const [first, black, third] = images
    expect(black!.picture).toMatchObject({ width: 64, height: 64, channels: 3 })
    expect(black!.picture.kind === 'raw' && black!.picture.pixels.every((value) => value === 0)).toBe(true)
    expect(black!.latents).toBeUndefined()
    expect(warnings).toContainEqual(expect.objectContaining({ field: 'safety_checker' }))
    const latents = readGolden(THREE!, 'latents')
    const pixels = readGolden(THREE!, 'image')
    expectWithin(measureDeviation(first!, 0, latents, pixels), FLOAT32_TOLERANCE)
    expectWithin(measureDeviation(third!, 2, latents, pixels), FLOAT32_TOLERANCE)
  })

  it('shows no previews, which nothing has looked at', async () => {
    await using pipeline = await openPipeline({ folder: MODEL, safetyChecker: await findSafetyChecker(CHECKER) })
    const events: Progress[] = []
    const onProgress = (event: Progress) => void events.push(event)
    await pipeline.run(
      { prompt: 'x', numImages: 1, seeds: [1], numInferenceSteps: 3 },
      { ...idleContext, onProgress, previewEvery: 1 },
    )
    expect(events.filter(({ phase }) => phase === 'step-end').length).toBeGreaterThan(1)
    expect(events.filter(({ phase }) => phase === 'preview')).toEqual([])
  })

  it('says nothing of verdicts where no checker looks', async () => {
    await using pipeline = await openPipeline({ folder: MODEL })
    const { images } = await pipeline.run({ prompt: 'x', numImages: 1, seeds: [1], numInferenceSteps: 1 }, idleContext)
    expect(images[0]!.isFlagged).toBeUndefined()
  })
})

describe('a safety checker that is not there', () => {
  it('is told in one sentence, for the model’s own and for another folder', async () => {
    await expect(findOwnSafetyChecker(MODEL)).rejects.toThrow(/has no safety checker .* --safety_checker FOLDER/)
    await expect(findSafetyChecker(fixturePath('images'))).rejects.toThrow(/holds no safety checker/)
  })
})

describe('t2i --safety_checker', () => {
  const draw = (folder: string, flags: string[], seed: string) =>
    runCli([
      ...[
        't2i',
        '--model_name',
        MODEL,
        '--prompt',
        THREE!.request.prompt,
        '--num_inference_steps',
        '4',
        '--guidance_scale',
        '7.5',
      ],
      ...['--seed', seed, '--output_dir', folder, '--no_progress', ...flags],
    ])

  it('says that it is on, and notes in the ledger what it flagged', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diffgentor-safety-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const { code, stderr } = await draw(folder, ['--safety_checker', CHECKER], '43')
    expect(code).toBe(0)
    expect(stderr).toContain('looks at every finished picture')
    const entry = JSON.parse(readFileSync(join(folder, 'ledger.jsonl'), 'utf8').trim())
    expect(entry).toMatchObject({ status: 'suspect', outputs: [{ nsfw: true }] })
  })

  it('ends with one sentence when the model has none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diffgentor-safety-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const { code, stderr } = await draw(folder, ['--safety_checker'], '42')
    expect(code).toBe(2)
    expect(stderr).toContain('has no safety checker')
  })

  it('is refused by backends that cannot honor it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'diffgentor-safety-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const { code, stderr } = await draw(folder, ['--backend', 'fake', '--safety_checker'], '42')
    expect(code).toBe(2)
    expect(stderr).toContain('leave --safety_checker out')
  })
})
