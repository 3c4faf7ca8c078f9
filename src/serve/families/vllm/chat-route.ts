import { randomBytes } from 'node:crypto'
import { toDiffgentorError } from '../../../errors.ts'
import { OUTPUT_FORMATS } from '../../../images/encode-picture.ts'
import { type Drawing, startDrawing } from '../../drawing.ts'
import { eventStreamAnswer, type ServerEvent } from '../../http/event-stream.ts'
import { Base64Bytes, jsonAnswer } from '../../http/json-answer.ts'
import { readJsonFields } from '../../http/json-body.ts'
import { describeProblem, type Problem, v1ErrorBody } from '../../http/problem.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { drawingHeaders, seedHeaders, warningTexts } from '../../requests/drawing-headers.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { CHAT_ANSWER, CHAT_FIELDS } from './chat-fields.ts'
import { readChat } from './read-chat.ts'

const NO_IMAGES = 'Image generation completed but no images were produced.'

/** What every record of one answer says. */
interface ChatHead {
  id: string
  created: number
  model: string
}

export function registerChat(book: RouteBook, services: Services): void {
  book.add(
    {
      method: 'post',
      path: '/v1/chat/completions',
      tag: 'vLLM-Omni',
      summary: 'Draw or edit pictures in a conversation',
      description: 'Fields beside messages may stand at the top level or in extra_body, which wins.',
      json: CHAT_FIELDS,
      example: { messages: [{ role: 'user', content: 'a red apple' }], extra_body: { seed: 42 } },
      answers: [
        { status: 200, description: 'The pictures, as parts of a message', schema: CHAT_ANSWER },
        { status: 200, description: 'Events, with stream: true', type: 'text/event-stream' },
      ],
      errorBody: (problem) => v1ErrorBody(prefixFailure(problem)),
    },
    async (c) => await answerChat(services, c),
  )
}

async function answerChat(services: Services, c: ServerContext): Promise<Response> {
  const fields = parseFields(CHAT_FIELDS, await readJsonFields(c, services.limits.maxBody))
  const { signal } = c.req.raw
  const order = await readChat(services, fields, c.get('isAdmin'), signal)
  const { prompt } = order.request
  c.set('facts', { model: order.model.id, prompt: services.settings.logPrompts ? prompt : undefined })
  const head: ChatHead = {
    id: `chatcmpl-${randomBytes(8).toString('hex')}`,
    created: Math.floor(Date.now() / 1000),
    model: fields.model ?? order.model.id,
  }
  const { drawing, seeds } = startDrawing(services, order, { signal })
  if (fields.stream) return eventStreamAnswer(tellChat(services, head, drawing), seedHeaders(seeds))
  const finished = await drawing
  const promptTokens = prompt.split(/\s+/).length
  const body = {
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, finish_reason: 'stop', logprobs: null, message: { role: 'assistant', content: toContent(finished) } }],
    usage: { prompt_tokens: promptTokens, completion_tokens: 1, total_tokens: promptTokens + 1 },
    warnings: warningTexts(finished),
  }
  return jsonAnswer(body, 200, drawingHeaders(finished))
}

/** One chunk with everything, one that ends it, and the end mark. */
async function* tellChat(services: Services, head: ChatHead, drawing: Promise<Drawing>): AsyncGenerator<ServerEvent> {
  const chunk = (delta: object, finishReason: string | null) => ({
    data: {
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
    },
  })
  try {
    yield chunk({ role: 'assistant', content: toContent(await drawing) }, null)
    yield chunk({}, 'stop')
  } catch (thrown) {
    const error = toDiffgentorError(thrown)
    services.metrics.countFailure(error.code)
    const { message, type, code, param } = prefixFailure(describeProblem(error))
    yield { data: { error: { message, type, code, param } } }
  }
  yield { data: '[DONE]' }
}

function toContent({ images, format }: Drawing): unknown {
  if (images.length === 0) return NO_IMAGES
  const prefix = `data:${OUTPUT_FORMATS[format].mime};base64,`
  return images.map((image) => ({ type: 'image_url', image_url: { url: new Base64Bytes(image.bytes, prefix) } }))
}

/** The origin's words before a failure of the model. */
function prefixFailure(problem: Problem): Problem {
  if (problem.status !== 500) return problem
  const message = `Image generation failed: ${problem.message}`
  return { ...problem, message, detail: message }
}
