import { constants } from 'node:fs'
import { access, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { BackendRegistry } from '../backends/registry.ts'
import { runBatch } from '../batch/run-batch.ts'
import { BATCH_SETTINGS, type BatchSettings, withDefaults } from '../config/settings.ts'
import { VERSION } from '../config/version.ts'
import { openDataset } from '../datasets/open-dataset.ts'
import { DiffgentorError } from '../errors.ts'
import { readRecipe } from '../images/read-recipe.ts'
import type { Recipe } from '../images/recipe.ts'
import { sniffFormat } from '../images/sniff-format.ts'
import { makeOutputFolder } from '../sinks/make-folder.ts'
import type { Terminal } from './terminal.ts'

export interface ReplayOptions {
  outputDir: string
  outputQuality: number | undefined
  /** Over what the recipe says. */
  backend: string | undefined
  modelName: string | undefined
  /** Source pictures of an edit, which a recipe names by hash only. */
  images: readonly string[]
  mask: string | undefined
  plugin: readonly string[] | undefined
}

export interface ReplayedPicture {
  path: string
  isIdentical: boolean
  /** What may be the cause when it is not. */
  difference: string
}

/** Draws a picture again from its recipe, as a batch of one row, so that it takes the very way of the first run. */
export async function replayPicture(
  file: string,
  original: Uint8Array,
  recipe: Recipe,
  options: ReplayOptions,
  terminal: Terminal,
): Promise<ReplayedPicture> {
  if (recipe.sourceHashes?.length && options.images.length !== recipe.sourceHashes.length) {
    throw new DiffgentorError(
      'invalid_configuration',
      `${file} is an edit of ${recipe.sourceHashes.length} picture(s), which its recipe does not hold; give them with --image FILE.`,
    )
  }
  const path = resolve(options.outputDir, basename(file))
  await refuseOverwriting(path)
  makeOutputFolder(options.outputDir)
  const workFolder = await mkdtemp(join(options.outputDir, '.replay-'))
  try {
    const drawn = await drawAgain(workFolder, original, recipe, options, terminal)
    await copyFile(drawn, path, constants.COPYFILE_EXCL)
    const bytes = await readFile(path)
    return { path, isIdentical: bytes.equals(original), difference: await explainDifference(bytes, recipe) }
  } finally {
    await rm(workFolder, { recursive: true, force: true })
  }
}

async function refuseOverwriting(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  )
  if (exists)
    throw new DiffgentorError(
      'invalid_configuration',
      `${path} exists and is not overwritten; choose another folder with --output_dir.`,
    )
}

async function drawAgain(
  workFolder: string,
  original: Uint8Array,
  recipe: Recipe,
  options: ReplayOptions,
  terminal: Terminal,
): Promise<string> {
  const isEdit = options.images.length > 0
  const rowFile = join(workFolder, 'row.jsonl')
  await writeFile(rowFile, `${JSON.stringify(toRow(recipe, options))}\n`)
  const settings: BatchSettings = withDefaults(BATCH_SETTINGS, {
    backend: options.backend ?? recipe.backend ?? BATCH_SETTINGS.backend.default,
    modelName: options.modelName ?? recipe.model,
    plugin: options.plugin,
    outputDir: workFolder,
    outputFormat: (sniffFormat(original)?.format ?? 'png') as BatchSettings['outputFormat'],
    outputQuality: options.outputQuality,
  })
  const kind = isEdit ? 'edit' : 't2i'
  await using dataset = await openDataset({ source: rowFile, kind })
  await using backend = await new BackendRegistry().open(settings)
  let drawn: string | undefined
  let failure: string | undefined
  await runBatch({
    dataset,
    backend,
    settings,
    kind,
    version: VERSION,
    onEvent: (event) => {
      if (event.type === 'warning') terminal.stderr.write(`Warning: ${event.message}\n`)
      if (event.type !== 'row-end') return
      drawn = event.entry.outputs[0]?.file
      failure = event.entry.error?.message
    },
  })
  if (drawn === undefined)
    throw new DiffgentorError('internal', `The picture could not be drawn again: ${failure ?? 'no picture came back.'}`)
  return join(workFolder, drawn)
}

/** The recipe as a row of a data set: its fields bear the names of columns. */
function toRow(recipe: Recipe, { images, mask }: ReplayOptions): Record<string, unknown> {
  const isEdit = images.length > 0
  return {
    ...recipe.settings,
    [isEdit ? 'instruction' : 'prompt']: recipe.prompt,
    negative_prompt: recipe.negativePrompt,
    seed: recipe.seed,
    width: recipe.width,
    height: recipe.height,
    num_inference_steps: recipe.numInferenceSteps,
    guidance_scale: recipe.guidanceScale,
    scheduler: recipe.scheduler,
    scheduler_config: recipe.schedulerConfig,
    ...(isEdit && { image: images.map((image) => resolve(image)) }),
    ...(mask !== undefined && { mask: resolve(mask) }),
  }
}

async function explainDifference(bytes: Uint8Array, recipe: Recipe): Promise<string> {
  const now = (await readRecipe(bytes))?.recipe
  if (now?.modelHash !== recipe.modelHash) return "the model's files are not those of the first run"
  if (now?.version !== recipe.version) return `it was drawn by ${recipe.version ?? 'an unknown version'}`
  return 'another runtime version, processor or quality was in use, or the recipe does not tell everything'
}
