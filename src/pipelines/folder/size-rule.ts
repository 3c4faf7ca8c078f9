import type { Size, SizeRule } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'

const LARGEST = 8192

/** What limits the sizes of a model. */
export interface SizeLimits {
  /** Pixels in one latent. */
  vaeScaleFactor: number
  /** Latents whose multiples the denoiser takes: every level of a UNet but the first halves them, a transformer packs them into tokens. */
  multiple: number
  /** Latent height and width that the graphs fix. */
  fixed?: { height: number | undefined; width: number | undefined } | undefined
  /** Latents on a side that the denoiser has positions for. Default: any number. */
  most?: number | undefined
  default: Size
}

/** The sizes that a model draws. Exported UNets fail unless every level halves the latents without a rest. */
export function makeSizeRule({ vaeScaleFactor, multiple: latents, fixed, most, default: preferred }: SizeLimits): SizeRule {
  const multiple = vaeScaleFactor * latents
  const max = Math.min(LARGEST, most === undefined ? LARGEST : most * vaeScaleFactor)
  const height = fixed?.height && fixed.height * vaeScaleFactor
  const width = fixed?.width && fixed.width * vaeScaleFactor
  const rule: SizeRule = { multiple, min: multiple, max, default: preferred }
  return height && width ? { ...rule, only: [`${width}x${height}`], default: { width, height } } : rule
}

/** Rejects a size that the model cannot draw, and names those that it can. */
export function assertSize(size: Size, rule: SizeRule): void {
  const { multiple, min, max, only } = rule
  const asked = `${size.width}x${size.height}`
  if (only) {
    if (only.includes(asked)) return
    throw wrongSize(`This model draws only ${only.join(', ')}, got ${asked}.`)
  }
  const fits = [size.width, size.height].every((side) => side % multiple === 0 && side >= min && side <= max)
  if (fits) return
  const near = (side: number) => Math.min(max, Math.max(min, Math.round(side / multiple) * multiple))
  throw wrongSize(
    `Width and height must be multiples of ${multiple} from ${min} to ${max} for this model, got ${asked}; the nearest size is ${near(size.width)}x${near(size.height)}.`,
  )
}

/** The size at which a source picture is edited: its own, cut down to what the model draws. */
export function sizeForSource(source: Size, rule: SizeRule): Size {
  if (rule.only) return rule.default
  const cut = (side: number) => Math.min(rule.max, Math.max(rule.min, side - (side % rule.multiple)))
  return { width: cut(source.width), height: cut(source.height) }
}

function wrongSize(message: string): DiffgentorError {
  return new DiffgentorError('invalid_request', message, { field: 'size' })
}
