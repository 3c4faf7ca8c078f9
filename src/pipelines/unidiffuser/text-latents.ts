import { join } from 'node:path'
import type { CallContext } from '../../contract/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { loadCaptionReader } from '../../tokenizers/caption-reader.ts'
import { NamedGraph } from '../graphs/named-graph.ts'
import type { OpenModel } from '../job.ts'
import { searchBeams } from './caption-beams.ts'

/** The text encoder's states [1, tokens, width] as the joint network takes texts, narrower. */
export async function narrowText({ facts, store }: OpenModel, states: Tensor, context: CallContext): Promise<Tensor> {
  const graph = await store.get({
    signature: facts.signatures.get('text_decoder_prefix')!,
    name: 'text_decoder_prefix',
    stage: 'text',
    wrap: (session) => new NamedGraph(session, ['prompt_embeds']),
    context,
  })
  return (await graph.run({ prompt_embeds: states }, ['prefix_hidden'])).prefix_hidden
}

/** The words for a text that the joint network drew [1, tokens, width]. */
export async function readText(model: OpenModel, drawn: Tensor, context: CallContext): Promise<string> {
  const { facts, store } = model
  const reader = await loadCaptionReader(join(facts.folder.root, 'text_tokenizer'))
  const graph = await store.get({
    signature: facts.signatures.get('text_decoder')!,
    name: 'text_decoder',
    stage: 'text',
    wrap: (session) => new NamedGraph(session, ['prefix_hidden', 'input_ids']),
    context,
  })
  const scoreNext = async (beginnings: readonly (readonly number[])[]) => {
    const count = beginnings.length
    const ids = { data: beginnings.flat(), shape: [count, beginnings[0]!.length] }
    const { logits } = await graph.run({ prefix_hidden: repeat(drawn, count), input_ids: ids }, ['logits'])
    const width = logits.shape[1]!
    return beginnings.map((_, row) => logits.data.subarray(row * width, (row + 1) * width))
  }
  return reader.read(await searchBeams(scoreNext, reader.endId, context.signal))
}

function repeat({ data, shape: [, ...rest] }: Tensor, count: number): Tensor {
  const repeated = new Float32Array(count * data.length)
  for (let i = 0; i < count; i++) repeated.set(data, i * data.length)
  return { data: repeated, shape: [count, ...rest] }
}
