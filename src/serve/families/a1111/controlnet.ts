import { z } from 'zod'
import type { ControlNetChoice, ImageWarning, IpAdapterChoice } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { findNamedModel } from '../../requests/model-choice.ts'
import { parseFields, wireBoolean, wireNumber, wireText } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import type { Txt2imgFields } from './draw-fields.ts'
import { readSent } from './read-sent.ts'

/** One unit of the ControlNet extension, as far as it can be honored. */
const UNIT = z.object({
  enabled: wireBoolean,
  image: z.unknown().optional(),
  input_image: z.unknown().optional(),
  module: wireText,
  model: wireText,
  weight: wireNumber(-10, 10),
  guidance_start: wireNumber(0, 1),
  guidance_end: wireNumber(0, 1),
})

const SCRIPT = z.object({ args: z.array(z.record(z.string(), z.unknown())).max(8).default([]) })

type Unit = z.output<typeof UNIT>

/** What the ControlNet extension is asked for. */
export interface ControlWishes {
  controlnets: ControlNetChoice[]
  /** From units whose model or preprocessor is an IP-Adapter. */
  ipAdapter: IpAdapterChoice | undefined
  warnings: ImageWarning[]
}

/** Whether a script of a request is the ControlNet extension. */
export function isControlNet(script: string): boolean {
  return script.toLowerCase() === 'controlnet'
}

/** Reads the units of `alwayson_scripts.controlnet`. One without a picture looks at the source of the edit. */
export async function readControls(
  services: Services,
  fields: Txt2imgFields,
  source: unknown,
  signal: AbortSignal,
): Promise<ControlWishes> {
  const script = Object.entries(fields.alwayson_scripts ?? {}).find(([name]) => isControlNet(name))?.[1]
  if (script === undefined) return { controlnets: [], ipAdapter: undefined, warnings: [] }
  const { args } = parseFields(SCRIPT, script as Record<string, unknown>)
  const units = args.map((arg) => parseFields(UNIT, arg)).filter(({ enabled = true, model }) => enabled && model !== 'None')
  const adapters = units.filter(isIpAdapter)
  const others = units.filter((unit) => !isIpAdapter(unit))
  const controlnets = await Promise.all(others.map((unit) => readUnit(services, unit, source, signal)))
  const ipAdapter = await readIpAdapterUnits(services, adapters, signal)
  const prepared = others.filter(({ module }) => module !== undefined && module.toLowerCase() !== 'none')
  const warnings = prepared.map(({ module }): ImageWarning => {
    const detail = `The preprocessor ${module} is not run: the condition picture is used as it was sent.`
    return { kind: 'ignored', field: 'controlnet.module', detail }
  })
  const isPartial = adapters.some(({ guidance_start: start = 0, guidance_end: end = 1 }) => start > 0 || end < 1)
  return { controlnets, ipAdapter, warnings: isPartial ? [...warnings, ALL_STEPS] : warnings }
}

const ALL_STEPS: ImageWarning = {
  kind: 'ignored',
  field: 'controlnet.guidance_start',
  detail: 'An IP-Adapter acts in all steps here: guidance_start and guidance_end of its unit are not honored.',
}

function isIpAdapter({ model, module }: Unit): boolean {
  return [model, module].some((word) => word !== undefined && /^ip-?adapter/i.test(word))
}

/** The adapter itself is part of the served model, whatever file the units name. */
async function readIpAdapterUnits(
  services: Services,
  units: readonly Unit[],
  signal: AbortSignal,
): Promise<IpAdapterChoice | undefined> {
  const [first] = units
  if (first === undefined) return undefined
  const { weight: scale = 1 } = first
  if (units.some(({ weight = 1 }) => weight !== scale)) {
    throw new DiffgentorError('invalid_request', 'IP-Adapter units of one request must have one weight.', {
      field: 'alwayson_scripts',
    })
  }
  const sent = units.map((unit) => unwrap(unit.image) ?? unwrap(unit.input_image))
  if (sent.includes(undefined)) {
    throw new DiffgentorError('invalid_request', 'An IP-Adapter unit needs a picture.', { field: 'alwayson_scripts' })
  }
  return { images: await Promise.all(sent.map((picture) => readSent(services, picture, signal, 'alwayson_scripts'))), scale }
}

async function readUnit(services: Services, unit: Unit, source: unknown, signal: AbortSignal): Promise<ControlNetChoice> {
  const sent = unwrap(unit.image) ?? unwrap(unit.input_image) ?? source
  if (unit.model === undefined || sent === undefined) {
    throw new DiffgentorError('invalid_request', 'A ControlNet unit needs a model and a picture.', { field: 'alwayson_scripts' })
  }
  const name = unit.model.replace(/ \[[0-9a-f]*\]$/, '')
  return {
    path: await findNamedModel(services, name, 'alwayson_scripts'),
    image: await readSent(services, sent, signal, 'alwayson_scripts'),
    scale: unit.weight ?? 1,
    start: unit.guidance_start ?? 0,
    end: unit.guidance_end ?? 1,
  }
}

/** Older clients send `{image, mask}`. */
function unwrap(picture: unknown): unknown {
  return typeof picture === 'object' && picture !== null && 'image' in picture ? picture.image : (picture ?? undefined)
}
