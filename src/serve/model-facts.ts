import { z } from 'zod'
import type { ServeSettings } from '../config/settings.ts'
import type { BackendCapabilities } from '../contract/index.ts'
import type { ServedModel } from './model-pool.ts'

/** Facts of a model beyond those of OpenAI's card, under SGLang's names. */
export const MODEL_FACTS = z.object({
  num_gpus: z.int(),
  task_type: z.string().describe('T2I, I2I, TI2I; V instead of the last I for models of videos'),
  dit_precision: z.string().nullable(),
  vae_precision: z.string().nullable(),
  pipeline_name: z.string(),
  pipeline_class: z.string().nullable(),
})

/** What is known of a model; null where nothing is. */
export function describeModelFacts(settings: ServeSettings, { backend }: ServedModel): z.output<typeof MODEL_FACTS> {
  const precision = settings.torchDtype ?? null
  return {
    num_gpus: settings.numGpus ?? 1,
    task_type: describeTask(backend.capabilities),
    dit_precision: precision,
    vae_precision: precision,
    pipeline_name: backend.name,
    pipeline_class: null,
  }
}

function describeTask({ generate, edit, video }: BackendCapabilities): string {
  return `${generate ? 'T' : ''}${edit ? 'I' : ''}2${video ? 'V' : 'I'}`
}
