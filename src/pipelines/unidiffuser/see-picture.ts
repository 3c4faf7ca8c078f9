import type { CallContext, RawPicture, Size } from '../../contract/index.ts'
import { toRgb } from '../../images/convert-channels.ts'
import { cropPicture } from '../../images/crop-picture.ts'
import { CLIP_COLORS, pictureToNormalized } from '../../images/normalized-tensor.ts'
import { resizePicture } from '../../images/resize-picture.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { NamedGraph } from '../graphs/named-graph.ts'
import type { OpenModel } from '../job.ts'

const USUAL_SIDE = 224

/** CLIP's embedding of a picture [1, width]. */
export async function embedPicture({ facts, store }: OpenModel, picture: RawPicture, context: CallContext): Promise<Tensor> {
  const graph = await store.get({
    signature: facts.signatures.get('image_encoder')!,
    name: 'image_encoder',
    stage: 'text',
    wrap: (session) => new NamedGraph(session, ['pixel_values']),
    context,
  })
  const side = graph.fixedSize('pixel_values', 2) ?? USUAL_SIDE
  return (await graph.run({ pixel_values: toClipInput(picture, side) }, ['image_embeds'])).image_embeds
}

/** The middle square of a picture, as transformers' CLIP processor cuts it. */
function toClipInput(picture: RawPicture, side: number): Tensor {
  const resized = resizePicture(toRgb(picture), shortSideAt(picture, side), 'bicubic')
  const left = Math.floor((resized.width - side) / 2)
  const top = Math.floor((resized.height - side) / 2)
  return pictureToNormalized(cropPicture(resized, { left, top, width: side, height: side }), CLIP_COLORS)
}

function shortSideAt({ width, height }: Size, side: number): Size {
  return width <= height
    ? { width: side, height: Math.trunc((side * height) / width) }
    : { width: Math.trunc((side * width) / height), height: side }
}
