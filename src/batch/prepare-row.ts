import type { ImageRequest } from '../contract/index.ts'
import { toDiffgentorError } from '../errors.ts'
import type { BatchRun } from './batch-run.ts'
import { toDiffusionOptions } from './diffusion-options.ts'
import type { RowDrawing } from './draw-calls.ts'
import type { RowPlan } from './plan-row.ts'
import type { RowSources } from './source-loader.ts'

/** Makes the row's folders, loads its pictures and puts its request together. Rejects with an error of the row. */
export async function prepareRow(run: BatchRun, plan: RowPlan, isProbe: boolean): Promise<RowDrawing> {
  for (const name of plan.names) await run.sink.prepare(name)
  const sources = await run.sources(plan, run.control.stopping)
  for (const sentence of sources.warnings) run.warn(sentence)
  const request = makeRequest(plan, sources)
  const { prompt, note } = await enhance(run, request)
  return {
    plan,
    request: { ...request, prompt },
    sources,
    note,
    outputs: [],
    flatImages: 0,
    usage: undefined,
    isSent: false,
    isProbe,
  }
}

function makeRequest({ prompt, settings, numImages, seeds, size }: RowPlan, sources: RowSources): ImageRequest {
  return {
    prompt,
    negativePrompt: settings.negativePrompt,
    numImages,
    seeds,
    size,
    numInferenceSteps: settings.numInferenceSteps,
    guidanceScale: settings.guidanceScale,
    trueCfgScale: settings.trueCfgScale,
    edit: sources.edit,
    diffusion: toDiffusionOptions(settings, sources),
    extra: settings.extra,
  }
}

/** A prompt that cannot be enhanced is used as it is, and the row says so. */
async function enhance(run: BatchRun, request: ImageRequest): Promise<{ prompt: string; note?: string }> {
  if (!run.enhancePrompt) return { prompt: request.prompt }
  try {
    return { prompt: await run.enhancePrompt(request, run.control.stopping) }
  } catch (thrown) {
    run.control.stopping.throwIfAborted()
    return { prompt: request.prompt, note: `The prompt was not enhanced: ${toDiffgentorError(thrown).message}` }
  }
}
