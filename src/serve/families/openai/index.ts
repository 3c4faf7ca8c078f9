import type { Family } from '../family.ts'
import { registerEdits } from './edits-route.ts'
import { registerGenerations } from './generations-route.ts'
import { registerModels } from './models-routes.ts'
import { registerStoredImages } from './stored-image-route.ts'

/** The OpenAI images API and its list of models. */
export const openaiFamily: Family = {
  name: 'openai',
  register(book, services) {
    registerGenerations(book, services)
    registerEdits(book, services)
    registerStoredImages(book, services)
    registerModels(book, services)
  },
}
