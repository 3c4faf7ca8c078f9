import type { Family } from '../family.ts'
import { registerConfig } from './config-route.ts'
import { registerFacts } from './facts-routes.ts'
import { registerLlm } from './llm-routes.ts'
import { registerLoras } from './lora-routes.ts'
import { LoraShelf } from './lora-shelf.ts'
import { registerUniDiffuser } from './unidiffuser-routes.ts'

/** The Stable Diffusion API and the UniDiffuser API: parameters in the query, pictures as bare files. */
export const sdapiFamily: Family = {
  name: 'sdapi',
  register(book, services) {
    const shelf = new LoraShelf(services)
    registerConfig(book, services, shelf)
    registerLoras(book, services, shelf)
    registerFacts(book, services)
    registerLlm(book, services)
    registerUniDiffuser(book, services)
  },
}
