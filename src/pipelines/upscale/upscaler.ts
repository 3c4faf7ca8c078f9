import type { RawPicture } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { toRgb } from '../../images/convert-channels.ts'
import { pictureToTensor, tensorToPicture } from '../../images/picture-tensor.ts'
import { GraphBinding, type OnnxSession } from '../../onnx-runtime/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { fadeWeights, layTiles, type TileSpan } from './tile-layout.ts'

/** Side of tiles, in pixels, where the graph leaves it free; larger pictures are cut up to bound memory. */
const FREE_TILE = 512
/** Pixels that neighboring tiles share, at most a quarter of a tile. */
const OVERLAP = 32
const COLORS = 3
/** Pixels of a result at most: while tiles are joined, each takes 16 bytes. */
const MAX_PIXELS = 128e6

/** A super-resolution graph such as Real-ESRGAN: RGB [1, 3, H, W] of 0 … 1 to the same, some times larger. */
export class Upscaler {
  readonly #binding: GraphBinding<'picture'>
  readonly #output: string

  constructor(session: OnnxSession) {
    const names = [...session.inputs.keys()].map((name) => name.toLowerCase())
    this.#binding = new GraphBinding(session, { roles: { picture: names.slice(0, 1) }, required: ['picture'] })
    const [, channels] = this.#binding.shapeOf('picture') ?? []
    if (typeof channels === 'number' && channels !== COLORS) {
      throw new DiffgentorError(
        'unsupported',
        `The upscaler ${session.label} must take RGB pictures [1, 3, height, width], but takes ${channels} channels.`,
        { field: 'upscale' },
      )
    }
    this.#output = this.#binding.chooseOutput(['output', 'upscaled', 'sr', 'image'])
  }

  /** Enlarges a picture. Rejects between two tiles when the signal fires. */
  async enlarge(picture: RawPicture, signal: AbortSignal): Promise<RawPicture> {
    const source = pictureToTensor(toRgb(picture), 'unit')
    const tall = this.#binding.fixedSize('picture', 2) ?? FREE_TILE
    const wide = this.#binding.fixedSize('picture', 3) ?? FREE_TILE
    const isFixed = this.#binding.fixedSize('picture', 2) !== undefined
    const rows = layTiles(picture.height, tall, Math.min(OVERLAP, Math.floor(tall / 4)))
    const columns = layTiles(picture.width, wide, Math.min(OVERLAP, Math.floor(wide / 4)))
    const canvas = new Canvas(picture)
    for (const row of rows) {
      for (const column of columns) {
        signal.throwIfAborted()
        const size = {
          height: isFixed ? tall : Math.min(tall, picture.height),
          width: isFixed ? wide : Math.min(wide, picture.width),
        }
        const enlarged = await this.#run(cutReflected(source, row.start, column.start, size))
        canvas.add(enlarged, row, column, enlarged.shape[2]! / size.height)
      }
    }
    return canvas.toPicture()
  }

  async #run(tile: Tensor): Promise<Tensor> {
    return (await this.#binding.run({ picture: tile }, [this.#output]))[this.#output]!
  }
}

/** Cells of a tile; those beyond the picture mirror it. */
function cutReflected({ data, shape }: Tensor, top: number, left: number, size: { height: number; width: number }): Tensor {
  const [, , height = 1, width = 1] = shape
  const cut = new Float32Array(COLORS * size.height * size.width)
  let to = 0
  for (let color = 0; color < COLORS; color++) {
    for (let y = 0; y < size.height; y++) {
      const row = (color * height + reflect(top + y, height)) * width
      for (let x = 0; x < size.width; x++) cut[to++] = data[row + reflect(left + x, width)]!
    }
  }
  return { data: cut, shape: [1, COLORS, size.height, size.width] }
}

function reflect(index: number, length: number): number {
  if (length === 1) return 0
  const period = 2 * (length - 1)
  const place = index % period
  return place < length ? place : period - place
}

/** Collects enlarged tiles; where they overlap, their weighted mean. */
class Canvas {
  readonly #source: { height: number; width: number }
  #scale = 0
  #sums = new Float32Array(0)
  #weights = new Float32Array(0)

  constructor(source: { height: number; width: number }) {
    this.#source = source
  }

  get #height(): number {
    return Math.round(this.#source.height * this.#scale)
  }

  get #width(): number {
    return Math.round(this.#source.width * this.#scale)
  }

  add({ data, shape }: Tensor, row: TileSpan, column: TileSpan, scale: number): void {
    const [, , tall = 0, wide = 0] = shape
    if (this.#scale === 0) this.#allocate(scale)
    const across = fadeWeights(column, wide, scale)
    const down = fadeWeights(row, tall, scale)
    const top = row.start * scale
    const left = column.start * scale
    for (let y = 0; y < Math.min(tall, this.#height - top); y++) {
      for (let x = 0; x < Math.min(wide, this.#width - left); x++) {
        const weight = down[y]! * across[x]!
        const at = (top + y) * this.#width + left + x
        this.#weights[at]! += weight
        for (let color = 0; color < COLORS; color++) {
          this.#sums[color * this.#weights.length + at]! += weight * data[(color * tall + y) * wide + x]!
        }
      }
    }
  }

  #allocate(scale: number): void {
    this.#scale = scale
    if (this.#height * this.#width > MAX_PIXELS) {
      throw new DiffgentorError(
        'invalid_request',
        `The enlarged picture would have ${this.#width}x${this.#height} pixels, more than the ${MAX_PIXELS / 1e6} megapixels allowed.`,
        { field: 'upscale' },
      )
    }
    this.#weights = new Float32Array(this.#height * this.#width)
    this.#sums = new Float32Array(COLORS * this.#weights.length)
  }

  toPicture(): RawPicture {
    const plane = this.#weights.length
    const data = this.#sums.map((sum, i) => (2 * sum) / this.#weights[i % plane]! - 1)
    return tensorToPicture({ data, shape: [1, COLORS, this.#height, this.#width] })
  }
}
