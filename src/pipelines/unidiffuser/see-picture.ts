import type { CallContext, RawPicture } from '../../contract/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { squareProcessor, toClipInput } from '../clip/clip-processor.ts'
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
  return (await graph.run({ pixel_values: toClipInput(picture, squareProcessor(side)) }, ['image_embeds'])).image_embeds
}
