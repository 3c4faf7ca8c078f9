import type { Family } from '../family.ts'
import { registerChat } from './chat-route.ts'

/** vLLM-Omni's pictures in chat. Its further image fields are extensions of the OpenAI family's routes. */
export const vllmFamily: Family = {
  name: 'vllm',
  register: registerChat,
}
