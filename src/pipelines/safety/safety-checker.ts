import type { CallContext, GeneratedImage, ImageWarning, RawPicture } from '../../contract/index.ts'
import { decodePicture } from '../../images/decode-picture.ts'
import { type ClipProcessor, readClipProcessor, toClipInput } from '../clip/clip-processor.ts'
import { readCheckedGraph } from '../folder/read-signature.ts'
import type { GraphStore } from '../graphs/graph-store.ts'
import { SafetyCheckerGraph } from '../graphs/safety-checker-graph.ts'
import type { SafetyCheckerFiles } from './find-safety-checker.ts'

const USUAL_SIDE = 224

/** Told once for each request of which something was flagged. */
export const FLAGGED: ImageWarning = {
  kind: 'adjusted',
  field: 'safety_checker',
  detail: 'The safety checker flagged what was drawn as unfit, so the picture is black; try another seed or another prompt.',
}

/** Stable Diffusion's safety checker: looks at finished pictures and blackens those that it finds unfit. */
export class SafetyChecker {
  readonly #files: SafetyCheckerFiles
  readonly #store: GraphStore
  #processor: ClipProcessor | undefined

  constructor(files: SafetyCheckerFiles, store: GraphStore) {
    this.#files = files
    this.#store = store
  }

  /** The image with its verdict. A flagged one is black, all frames of a film, and has no latents. */
  async judge(image: GeneratedImage, context: CallContext): Promise<GeneratedImage> {
    const { latents: _, ...shown } = image
    const first = image.picture.kind === 'raw' ? image.picture : (await decodePicture(image.picture.bytes)).picture
    for (const picture of image.frames ?? [first]) {
      context.signal.throwIfAborted()
      if (!(await this.isUnfit(picture, context))) continue
      const frames = image.frames && { frames: image.frames.map(blacken) }
      return { ...shown, ...frames, picture: blacken(first), isFlagged: true }
    }
    return { ...image, isFlagged: false }
  }

  async isUnfit(picture: RawPicture, context: CallContext): Promise<boolean> {
    const graph = await this.load(context)
    this.#processor ??= await readClipProcessor(this.#files.processors, graph.side ?? USUAL_SIDE)
    return await graph.flags(toClipInput(picture, this.#processor))
  }

  /** Opens the graph. */
  async load(context: CallContext): Promise<SafetyCheckerGraph> {
    const { signature } = await readCheckedGraph(this.#files.graph)
    return await this.#store.get({
      signature,
      name: 'safety_checker',
      stage: 'safety',
      wrap: (session) => new SafetyCheckerGraph(session),
      context,
    })
  }
}

function blacken(picture: RawPicture): RawPicture {
  const pixels = new Uint8Array(picture.width * picture.height * 3)
  return { ...picture, channels: 3, pixels }
}
