import { randomInt } from 'node:crypto'
import type { DiffusionOptions, ImageRequest, ImageWarning, Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import type { DrawOrder } from '../../drawing.ts'
import type { ServedModel } from '../../model-pool.ts'
import { checkMode, settleRequest } from '../../requests/check-order.ts'
import { readLoras } from '../../requests/lora-choice.ts'
import type { Services } from '../../services.ts'
import { isControlNet, readControls } from './controlnet.ts'
import type { Txt2imgFields } from './draw-fields.ts'
import { type HiresWish, readHires } from './hires.ts'
import { takeLoraTags } from './lora-tags.ts'
import { numberTurns } from './number-turns.ts'
import type { Options } from './options.ts'
import { readScheduler } from './read-scheduler.ts'

/** What a request comes to: one order a turn. */
export interface DrawPlan {
  model: ServedModel
  orders: DrawOrder[]
  /** A second pass over each enlarged picture. */
  hires: HiresWish | undefined
  warnings: ImageWarning[]
  /** As the caller sent them, with everything that stands in brackets. */
  prompt: string
  negativePrompt: string
}

/** What reading a request needs beside its fields. */
export interface DrawReader {
  services: Services
  options: Options
  isAdmin: boolean
  signal: AbortSignal
}

const SEEDS = 2 ** 32

/** Pictures of one answer, which holds all of them. */
const MAX_PICTURES = 100

/** Fields that would change pictures and that we lack, with the value at which they do nothing. */
const WITHOUT_EFFECT = {
  script_name: '',
  restore_faces: false,
  tiling: false,
  refiner_checkpoint: '',
  hr_checkpoint_name: '',
} as const

/** Turns the fields of txt2img into orders. */
export async function readTxt2img(reader: DrawReader, fields: Txt2imgFields): Promise<DrawPlan> {
  checkMode(reader.services, 'generate')
  const base = await readBase(reader, fields)
  const request = { ...base.request, size: readSides(fields, base.model), numImages: fields.batch_size ?? 1 }
  const order: DrawOrder = {
    model: base.model,
    request: settleRequest(reader.services.settings, base.model, request),
    seed: base.seed,
    format: 'png',
  }
  const orders = Array.from({ length: fields.n_iter ?? 1 }, () => order)
  const hires = await readHires(reader.services, fields, order)
  return makePlan(fields, base.model, orders, [...base.warnings, ...(hires?.warnings ?? [])], hires)
}

/** What txt2img and img2img share; `source` is the picture of an edit. */
export async function readBase({ services, options, isAdmin, signal }: DrawReader, fields: Txt2imgFields, source?: unknown) {
  const overrides = fields.override_settings
  const model = options.findModel(overrides?.sd_model_checkpoint)
  const { capabilities } = model.backend
  const { prompt, loras: tags } = takeLoraTags(fields.prompt)
  const loras = await readLoras(services, tags, isAdmin)
  const { controlnets, ipAdapter, warnings } = await readControls(services, fields, source, signal)
  const { scheduler, warnings: schedulerWarnings } = await readScheduler(model, fields)
  const diffusion: DiffusionOptions = {
    scheduler,
    clipSkip: options.clipSkip(overrides?.CLIP_stop_at_last_layers),
    eta: fields.eta,
    promptSyntax: capabilities.diffusion ? 'a1111' : undefined,
    seedResizeFrom: readSeedSize(fields),
    loras: loras.length > 0 ? loras : undefined,
    controlnets: controlnets.length > 0 ? controlnets : undefined,
    ipAdapter,
  }
  const request: ImageRequest = {
    prompt,
    numImages: 1,
    negativePrompt: fields.negative_prompt || undefined,
    numInferenceSteps: fields.steps,
    guidanceScale: fields.cfg_scale,
    diffusion,
  }
  const isRandom = fields.seed === undefined || fields.seed < 0
  const seed = isRandom ? (capabilities.seed ? randomInt(SEEDS) : undefined) : fields.seed
  return { model, request, seed, warnings: [...warnings, ...schedulerWarnings] }
}

function readSeedSize({ seed_resize_from_w: width = 0, seed_resize_from_h: height = 0 }: Txt2imgFields): Size | undefined {
  return width > 0 && height > 0 ? { width, height } : undefined
}

/** Both sides, each the model's own where it is not given; undefined when neither is. */
export function readSides({ width, height }: Pick<Txt2imgFields, 'width' | 'height'>, model: ServedModel): Size | undefined {
  if (width === undefined && height === undefined) return undefined
  const usual = model.backend.capabilities.sizes?.default ?? { width: 512, height: 512 }
  return { width: width ?? usual.width, height: height ?? usual.height }
}

/** Numbers the seeds through all turns, and says what cannot be honored. Throws when there is too much to draw. */
export function makePlan(
  fields: Txt2imgFields,
  model: ServedModel,
  orders: DrawOrder[],
  known: readonly ImageWarning[],
  hires?: HiresWish,
): DrawPlan {
  const pictures = orders.reduce((total, { request }) => total + request.numImages, 0)
  if (pictures > MAX_PICTURES) {
    throw new DiffgentorError('invalid_request', `A request may draw at most ${MAX_PICTURES} pictures, got ${pictures}.`, {
      field: 'n_iter',
    })
  }
  const lacks = model.backend.capabilities.diffusion ? WITHOUT_EFFECT : { ...WITHOUT_EFFECT, subseed_strength: 0 }
  const ignored = Object.entries(lacks).filter(([name, nothing]) => (fields[name as keyof typeof lacks] ?? nothing) !== nothing)
  const scripts = Object.keys(fields.alwayson_scripts ?? {}).filter((name) => !isControlNet(name))
  const unknown = scripts.map((name) => `alwayson_scripts.${name}`)
  const told = [...ignored.map(([name]) => name), ...unknown].map(
    (field): ImageWarning => ({ kind: 'ignored', field, detail: `This server does not honor ${field}.` }),
  )
  const warnings = [...known, ...told]
  return {
    model,
    orders: numberTurns(fields, orders),
    hires,
    warnings,
    prompt: fields.prompt,
    negativePrompt: fields.negative_prompt,
  }
}
