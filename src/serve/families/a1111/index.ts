import type { Family } from '../family.ts'
import { Desk } from './desk.ts'
import { registerDrawing } from './draw-routes.ts'
import { registerEmbeddings } from './embedding-routes.ts'
import { registerExtras } from './extras-routes.ts'
import { registerLists } from './list-routes.ts'
import { Options } from './options.ts'
import { registerOptions } from './options-routes.ts'
import { registerPngInfo } from './png-info-route.ts'
import { registerProgress } from './progress-routes.ts'

/** The API of AUTOMATIC1111's stable-diffusion-webui, as far as it draws. */
export const a1111Family: Family = {
  name: 'a1111',
  register(book, services) {
    const options = new Options(services)
    const desk = new Desk()
    registerDrawing(book, services, options, desk)
    registerProgress(book, desk)
    registerOptions(book, services, options)
    registerLists(book, services)
    registerEmbeddings(book, services)
    registerExtras(book, services)
    registerPngInfo(book, services)
  },
}
