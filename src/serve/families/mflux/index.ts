import type { Family } from '../family.ts'
import { CurrentModel } from './current-model.ts'
import { registerGenerate } from './generate-route.ts'
import { registerModels } from './model-routes.ts'
import { registerSwagger } from './swagger-routes.ts'
import { TaskBoard } from './task-board.ts'
import { registerList, registerTasks } from './task-routes.ts'

/** mflux-server: pictures are ordered, asked after and fetched. */
export const mfluxFamily: Family = {
  name: 'mflux',
  register(book, services) {
    const current = new CurrentModel(services)
    const board = new TaskBoard(services)
    registerGenerate(book, services, current, board)
    registerTasks(book, board)
    registerList(book, board)
    registerModels(book, services, current)
    registerSwagger(book)
  },
}
