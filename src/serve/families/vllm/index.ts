import type { Family } from '../family.ts'
import { openaiFamily } from '../openai/index.ts'
import { registerChat } from './chat-route.ts'

/** vLLM-Omni: the images API as OpenAI has it, whose routes know its further fields, and pictures in chat. */
export const vllmFamily: Family = {
  name: 'vllm',
  register(book, services) {
    openaiFamily.register(book, services)
    registerChat(book, services)
  },
}
