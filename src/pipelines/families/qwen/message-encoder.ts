import type { RawPicture } from '../../../contract/index.ts'
import type { Tensor } from '../../../tensor/tensor.ts'
import { joinAxis } from '../../channels.ts'
import { NamedGraph } from '../../graphs/named-graph.ts'
import type { DrawingJob, OpenModel } from '../../job.ts'
import type { TokenGrid } from '../../tokens.ts'
import { placeMessageTokens } from './message-positions.ts'
import { keepPrompt, type PromptStates } from './prompt-states.ts'
import { EDIT_TEMPLATE, PICTURE_TOKEN, writePictures } from './templates.ts'
import { toVisionInput } from './vision-input.ts'

const VISION_INPUTS = ['pixel_values', 'position_ids', 'window_index', 'window_ids'] as const
const TEXT_INPUTS = ['input_ids', 'attention_mask', 'position_ids', 'image_embeds'] as const

/** Pictures as the language model sees them. */
export interface SeenPictures {
  /** [tokens, width], picture after picture. */
  embeddings: Tensor
  grids: readonly TokenGrid[]
}

/** Runs the vision tower, once for each picture. */
export async function seePictures(
  model: OpenModel,
  { context }: DrawingJob,
  pictures: readonly RawPicture[],
): Promise<SeenPictures> {
  const tower = await model.store.get({
    signature: model.facts.signatures.get('vision_encoder')!,
    name: 'vision_encoder',
    stage: 'text',
    wrap: (session) => new NamedGraph(session, VISION_INPUTS),
    context,
  })
  const grids: TokenGrid[] = []
  const embeddings: Tensor[] = []
  for (const picture of pictures) {
    context.signal.throwIfAborted()
    const { feeds, grid } = toVisionInput(picture)
    grids.push(grid)
    embeddings.push((await tower.run(feeds, ['image_embeds'])).image_embeds)
  }
  return { embeddings: joinAxis(embeddings, 0), grids }
}

/** A prompt's states with the pictures before it. `isNumbered`: each picture is named by its number. */
export async function encodeMessage(
  model: OpenModel,
  { context }: DrawingJob,
  { embeddings, grids }: SeenPictures,
  { text, isNumbered }: { text: string; isNumbered: boolean },
): Promise<PromptStates> {
  const { before, after, leftOut } = EDIT_TEMPLATE
  const pictures = writePictures(
    grids.map(({ rows, columns }) => rows * columns),
    isNumbered,
  )
  const tokenizer = await model.sequences.tokenizer('text_encoder')
  const { ids } = tokenizer.encode(`${before}${pictures}${text}${after}`)
  const graph = await model.store.get({
    signature: model.facts.signatures.get('text_encoder')!,
    name: 'text_encoder',
    stage: 'text',
    wrap: (session) => new NamedGraph(session, TEXT_INPUTS),
    context,
  })
  const shape = [1, ids.length]
  const { prompt_embeds: states } = await graph.run(
    {
      input_ids: { data: ids, shape },
      attention_mask: { data: new Array<number>(ids.length).fill(1), shape },
      position_ids: placeMessageTokens(ids, tokenizer.findId(PICTURE_TOKEN) ?? -1, grids),
      image_embeds: embeddings,
    },
    ['prompt_embeds'],
  )
  return keepPrompt(states, leftOut, Number.POSITIVE_INFINITY)
}
