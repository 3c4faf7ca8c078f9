import { runRequest } from '../backends/run-request.ts'
import type { ModelPool, ServedModel } from './model-pool.ts'

/** Loads a model and, where that costs nothing but time, draws one picture with as few steps as possible. */
export async function warmUp(models: ModelPool, model: ServedModel): Promise<void> {
  const { signal } = new AbortController()
  await models.use(model, async (backend) => {
    await backend.warmUp?.({ signal })
    const { paid, generate } = backend.capabilities
    if (paid || !generate) return
    await runRequest(backend, { prompt: '', numImages: 1, numInferenceSteps: 1, seeds: [0] }, { signal })
  })
}
