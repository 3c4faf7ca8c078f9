import type { Drawing, DrawOrder } from '../../drawing.ts'
import { type DrawContext, startDrawing } from '../../drawing.ts'
import type { Services } from '../../services.ts'
import type { Sitting } from './desk.ts'
import { drawSecondPass } from './hires.ts'
import type { DrawPlan } from './read-draw.ts'

/** Previews of one picture, spread over its steps. */
const PREVIEWS = 10

/** A finished turn. */
export interface DrawnTurn {
  order: DrawOrder
  drawing: Drawing
}

/** Draws one turn after the other. What was skipped or interrupted is left out; what was finished before stays. */
export async function runDraw(services: Services, plan: DrawPlan, sitting: Sitting, caller: AbortSignal): Promise<DrawnTurn[]> {
  const drawn: DrawnTurn[] = []
  for (const [turn, order] of plan.orders.entries()) {
    if (sitting.isInterrupted) break
    const ending = sitting.begin(turn)
    const context: DrawContext = {
      signal: AbortSignal.any([caller, ending]),
      onProgress: sitting.follow,
      previewEvery: choosePreviewEvery(order),
    }
    try {
      drawn.push({ order, drawing: await drawTurn(services, plan, order, sitting, context) })
    } catch (error) {
      if (!ending.aborted || caller.aborted) throw error
    }
  }
  return drawn
}

async function drawTurn(
  services: Services,
  plan: DrawPlan,
  order: DrawOrder,
  sitting: Sitting,
  context: DrawContext,
): Promise<Drawing> {
  const started = startDrawing(services, order, context)
  sitting.ticket = started.ticket
  const first = await started.drawing
  if (!plan.hires) return first
  return await drawSecondPass(services, order, first, plan.hires, context, ({ ticket }) => sitting.beginPass(ticket))
}

function choosePreviewEvery({ request, model }: DrawOrder): number {
  const steps = request.numInferenceSteps ?? model.backend.defaults?.numInferenceSteps ?? 1
  return Math.max(1, Math.floor(steps / PREVIEWS))
}
