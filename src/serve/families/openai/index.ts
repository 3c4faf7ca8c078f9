import type { Family } from '../family.ts'
import { registerVideos } from '../videos/video-routes.ts'
import { registerEdits } from './edits-route.ts'
import { registerGenerations } from './generations-route.ts'
import { registerModels } from './models-routes.ts'
import { registerStoredImages } from './stored-image-route.ts'

/** OpenAI's images and videos, and its list of models. */
export const openaiFamily: Family = {
  name: 'openai',
  register(book, services) {
    registerGenerations(book, services)
    registerEdits(book, services)
    registerStoredImages(book, services)
    registerModels(book, services)
    registerVideos(book, services)
  },
}
