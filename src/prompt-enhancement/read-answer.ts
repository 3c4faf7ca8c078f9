import { DiffgentorError } from '../errors.ts'

/** The part of a chat answer that is read. */
export interface ChatAnswer {
  choices?: { finish_reason?: string | null; message?: { content?: unknown; refusal?: string | null } }[]
}

/** The rewritten prompt in a chat answer; an answer without one is an error. */
export function readPrompt(answer: ChatAnswer): string {
  const choice = answer.choices?.[0]
  if (choice?.message?.refusal || choice?.finish_reason === 'content_filter') {
    throw new DiffgentorError('content_policy', 'The chat model refused to rewrite the prompt.')
  }
  if (choice?.finish_reason === 'length') {
    throw new DiffgentorError('empty_answer', 'The chat model ran out of room before the prompt was finished.')
  }
  const prompt = unwrap(toText(choice?.message?.content))
  if (prompt === '') throw new DiffgentorError('empty_answer', 'The chat model answered without a prompt.')
  return prompt
}

/** Content is text, or a list of parts of which some are text. */
function toText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : '')).join('')
}

/** Takes off what models put around an answer although told not to: thoughts, a code fence, a pair of quotation marks. */
function unwrap(text: string): string {
  const withoutThoughts = text.replace(/^\s*<think>.*?<\/think>/s, '')
  const withoutFence = withoutThoughts.trim().replace(/^```\w*\n(.*?)\n?```$/s, '$1')
  const quoted = /^"([^"]*)"$/.exec(withoutFence.trim())
  return (quoted?.[1] ?? withoutFence).trim()
}
