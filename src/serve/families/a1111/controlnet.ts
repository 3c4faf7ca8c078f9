import { z } from 'zod'
import type { ControlNetChoice, ImageWarning } from '../../../contract/index.ts'
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

const SCRIPT = z.object({ args: z.array(z.record(z.string(), z.unknown())).max(8) })

type Unit = z.output<typeof UNIT>

/** What the ControlNet extension is asked for. */
export interface ControlWishes {
  controlnets: ControlNetChoice[]
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
  if (script === undefined) return { controlnets: [], warnings: [] }
  const { args } = parseFields(SCRIPT, script as Record<string, unknown>)
  const units = args.map((arg) => parseFields(UNIT, arg)).filter(({ enabled = true, model }) => enabled && model !== 'None')
  const controlnets = await Promise.all(units.map((unit) => readUnit(services, unit, source, signal)))
  const prepared = units.filter(({ module }) => module !== undefined && module.toLowerCase() !== 'none')
  const warnings = prepared.map(({ module }): ImageWarning => {
    const detail = `The preprocessor ${module} is not run: the condition picture is used as it was sent.`
    return { kind: 'ignored', field: 'controlnet.module', detail }
  })
  return { controlnets, warnings }
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
