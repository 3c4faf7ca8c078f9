import { z } from 'zod'
import { ChatModel, type ChatQuestion } from '../../../prompt-enhancement/ask-chat.ts'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import type { Services } from '../../services.ts'
import { readQuery } from './draw-query.ts'
import { USER_ERRORS } from './errors.ts'

const UNREACHABLE = 'could not reach LLM'

const ASSISTANT =
  'You help people to write prompts for text-to-image models. Answer with one improved prompt in English and nothing else.'

const ASSISTANCE_QUERY = z.object({ text: z.string().describe('The prompt to improve') })
const INTERFACE_QUERY = z.object({
  text: z.string().describe('What to ask'),
  role: z.string().optional().describe('Who the model is to be'),
})

/** Questions to the chat model that DG_PROMPT_ENHANCER_API_BASE names. */
export function registerLlm(book: RouteBook, services: Services): void {
  const chat = ChatModel.open(services.settings)
  services.closing.add(async () => await chat?.[Symbol.asyncDispose]())
  const ask = async (c: ServerContext, question: ChatQuestion): Promise<Response> => {
    const answer = await chat?.ask(question, c.req.raw.signal).catch((error: unknown) => {
      services.log.warn({ err: error, request_id: c.get('requestId') }, UNREACHABLE)
      return undefined
    })
    return jsonAnswer(answer ?? UNREACHABLE)
  }
  const common = {
    method: 'get',
    tag: 'Stable Diffusion API',
    answers: [{ status: 200, description: 'The answer', schema: z.string() }],
    // Each question may cost money.
    changesState: true,
    ...USER_ERRORS,
  } as const
  book.add(
    {
      ...common,
      path: '/llm_prompt_assistance',
      summary: 'Have a prompt improved',
      query: ASSISTANCE_QUERY,
      queryExample: { text: 'an apple' },
    },
    async (c) => await ask(c, { role: ASSISTANT, text: readQuery(c, ASSISTANCE_QUERY).text }),
  )
  book.add(
    {
      ...common,
      path: '/llm_interface',
      summary: 'Ask the chat model',
      query: INTERFACE_QUERY,
      queryExample: { text: 'Name a fruit.', role: 'a poet' },
    },
    async (c) => await ask(c, readQuery(c, INTERFACE_QUERY)),
  )
}
