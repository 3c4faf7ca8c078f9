import type { Family } from '../family.ts'
import { openaiFamily } from '../openai/index.ts'
import { registerLoras } from './lora-routes.ts'
import { registerModelInfo } from './model-routes.ts'
import { registerVertex } from './vertex-route.ts'
import { registerVideos } from './videos/video-routes.ts'

/** SGLang's diffusion server: the images API as OpenAI has it, and its own routes for LoRA files, models and videos. */
export const sglangFamily: Family = {
  name: 'sglang',
  register(book, services) {
    openaiFamily.register(book, services)
    registerLoras(book, services)
    registerModelInfo(book, services)
    registerVertex(book, services)
    registerVideos(book, services)
  },
}
