import { randomInt } from 'node:crypto'
import { type Drawing, type DrawOrder, startDrawing } from '../../drawing.ts'
import type { Services } from '../../services.ts'
import { answerComparison, answerGrid } from './grid-answer.ts'

const SEEDS = 2 ** 32

/** Draws an order and answers its pictures as one; with a second prompt both ways from the same seeds, to be compared. */
export async function drawGrid(
  services: Services,
  order: DrawOrder,
  promptB: string | undefined,
  signal: AbortSignal,
): Promise<Response> {
  const draw = async (asked: DrawOrder): Promise<Drawing> => await startDrawing(services, asked, { signal }).drawing
  if (promptB === undefined) return await answerGrid(await draw(order))
  const seed = order.seed ?? (order.model.backend.capabilities.seed ? randomInt(SEEDS) : undefined)
  const first = await draw({ ...order, seed })
  // The request was accepted with its first half.
  const second = await draw({ ...order, seed, request: { ...order.request, prompt: promptB }, skipsLimit: true })
  return await answerComparison({ prompt: order.request.prompt, drawing: first }, { prompt: promptB, drawing: second })
}
