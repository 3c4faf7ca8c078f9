import type { Family } from '../family.ts'
import { openaiFamily } from '../openai/index.ts'
import { registerLoras } from './lora-routes.ts'
import { registerModelInfo } from './model-routes.ts'
import { registerVertex } from './vertex-route.ts'

/** SGLang's diffusion server: images and videos as OpenAI has them, and its own routes for LoRA files and models. */
export const sglangFamily: Family = {
  name: 'sglang',
  register(book, services) {
    openaiFamily.register(book, services)
    registerLoras(book, services)
    registerModelInfo(book, services)
    registerVertex(book, services)
  },
}
