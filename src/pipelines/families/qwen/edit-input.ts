import type { RawPicture } from '../../../contract/index.ts'
import { fitPicture } from '../../../images/fit-picture.ts'
import { type EditAreas, readEditAreas, sizeOfArea } from '../../folder/edit-areas.ts'
import type { DrawingJob, OpenModel } from '../../job.ts'
import { toSourceTensor } from '../../sources.ts'
import { packTokens, type TokenGrid } from '../../tokens.ts'
import { toDenoiserLatents } from '../../vae-latents.ts'
import { encodeMessage, seePictures } from './message-encoder.ts'
import type { PicturesToKeep, PromptStates } from './prompt-states.ts'

const TOKEN_SIDE = 2

/** What an edit's pictures become: something that the language model reads before each text, and tokens that the denoiser keeps to. */
export interface EditInput {
  encode(text: string): Promise<PromptStates>
  pictures: PicturesToKeep
}

/** Looks at an edit's pictures. They draw nothing from the generator. */
export async function prepareEditInput(model: OpenModel, job: DrawingJob): Promise<EditInput> {
  const isPlus = model.facts.family === 'qwen-image-edit-plus'
  const areas = readEditAreas(model.facts.folder.generationConfig)
  const pictures = job.references.map((picture) => (isPlus ? picture : fitTo(picture, areas.result)))
  const seen = await seePictures(
    model,
    job,
    pictures.map((picture) => (isPlus ? fitTo(picture, areas.condition) : picture)),
  )
  return {
    encode: (text) => encodeMessage(model, job, seen, { text, isNumbered: isPlus }),
    pictures: await keepPictures(job, pictures, isPlus ? areas : undefined),
  }
}

function fitTo(picture: RawPicture, area: number): RawPicture {
  return fitPicture(picture, sizeOfArea(area, picture))
}

/** Latents of the pictures as tokens; without areas, of the pictures at their own size. */
async function keepPictures(
  job: DrawingJob,
  pictures: readonly RawPicture[],
  areas: EditAreas | undefined,
): Promise<PicturesToKeep> {
  const tokens = []
  const grids: TokenGrid[] = []
  for (const picture of pictures) {
    const size = areas ? sizeOfArea(areas.reference, picture) : picture
    const encoded = await job.vae.encodeMode(toSourceTensor(picture, size), job.context)
    const latents = toDenoiserLatents(encoded, job.vae.config)
    tokens.push(packTokens(latents, TOKEN_SIDE))
    grids.push({ rows: latents.shape[2]! / TOKEN_SIDE, columns: latents.shape[3]! / TOKEN_SIDE })
  }
  return { tokens, grids }
}
