import type { Size } from '../../contract/index.ts'
import type { JsonObject } from './model-folder.ts'

/** Pixels that the pictures of an edit are brought to, whatever their own size. */
export interface EditAreas {
  /** What the language model looks at. */
  condition: number
  /** What the denoiser keeps to. */
  reference: number
  /** The result, and both of the others in models of one picture. */
  result: number
}

const TRAINED_SIDE = 1024
const CONDITION_SIDE = 384
const GRID = 32

/** The areas that models were trained on; `generation_config.json` of a smaller model may tell others. */
export function readEditAreas(generationConfig: JsonObject): EditAreas {
  const pick = (key: string, otherwise: number) => {
    const told = generationConfig[key]
    return typeof told === 'number' && told >= GRID ** 2 ? told : otherwise
  }
  return {
    condition: pick('condition_area', CONDITION_SIDE ** 2),
    reference: pick('reference_area', TRAINED_SIDE ** 2),
    result: pick('edit_area', TRAINED_SIDE ** 2),
  }
}

/** The size of an area at a picture's own ratio, with both sides rounded to 32 pixels. */
export function sizeOfArea(area: number, { width, height }: Size): Size {
  const ratio = width / height
  const wide = Math.sqrt(area * ratio)
  return { width: roundToGrid(wide), height: roundToGrid(wide / ratio) }
}

function roundToGrid(side: number): number {
  return Math.max(1, roundHalfToEven(side / GRID)) * GRID
}

/** Rounds as Python does. */
export function roundHalfToEven(value: number): number {
  const rounded = Math.round(value)
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}
