import { z } from 'zod'
import type { ListedEmbedding } from '../../../models/list-embeddings.ts'
import { fitsModel } from '../../embedding-shelf.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { Services } from '../../services.ts'
import { A1111_ERRORS } from './errors.ts'

const EMBEDDING = z.object({
  step: z.null(),
  sd_checkpoint: z.null(),
  sd_checkpoint_name: z.null(),
  shape: z.int().describe('Width of the vectors; 0 for a file that is no textual inversion'),
  vectors: z.int(),
})

const LIST = z.object({
  loaded: z.record(z.string(), EMBEDDING).describe('By the word that calls them'),
  skipped: z.record(z.string(), EMBEDDING).describe('Those that no served model can use'),
})

/** What prompts may call. */
export function registerEmbeddings(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'get',
      path: '/sdapi/v1/embeddings',
      tag: 'AUTOMATIC1111',
      summary: 'List the textual inversions that prompts may call by name',
      answers: [{ status: 200, description: 'The lists', schema: LIST }],
      ...A1111_ERRORS,
    },
    async () => jsonAnswer(await describeEmbeddings(services)),
  )
  book.add(
    {
      method: 'post',
      path: '/sdapi/v1/refresh-embeddings',
      tag: 'AUTOMATIC1111',
      summary: 'Look for new textual inversions, which every request does anyway',
      answers: [{ status: 200, description: 'Done', schema: z.null() }],
      ...A1111_ERRORS,
    },
    () => jsonAnswer(null),
  )
}

async function describeEmbeddings({ embeddings, models }: Services): Promise<z.output<typeof LIST>> {
  const listed = await embeddings.list()
  const isUsable = (embedding: ListedEmbedding) => models.models.some(({ backend }) => fitsModel(embedding, backend))
  const describeAll = (chosen: ListedEmbedding[]) =>
    Object.fromEntries(chosen.map((embedding) => [embedding.name, describe(embedding)]))
  return {
    loaded: describeAll(listed.filter(isUsable)),
    skipped: describeAll(listed.filter((embedding) => !isUsable(embedding))),
  }
}

function describe({ vectors }: ListedEmbedding): z.output<typeof EMBEDDING> {
  const { width = 0, count = 0 } = vectors.text_encoder ?? vectors.text_encoder_2 ?? {}
  return { step: null, sd_checkpoint: null, sd_checkpoint_name: null, shape: width, vectors: count }
}
