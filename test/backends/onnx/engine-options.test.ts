import { expect, it } from 'vitest'
import { planEngine } from '../../../src/backends/onnx/engine-options.ts'
import { SHARED_SETTINGS, withDefaults } from '../../../src/config/settings.ts'

function embeddingFolder(cacheEmbeddings: boolean): string | undefined {
  const settings = withDefaults(SHARED_SETTINGS, { cacheEmbeddings, cacheDir: '/cache' })
  return planEngine(settings).pipelineOptions('/model', 0, 1, { cpuOffload: false, weights: 'held' }).embeddingFolder
}

it('keeps encoded prompts on disk only when asked', () => {
  expect(embeddingFolder(false)).toBeUndefined()
  expect(embeddingFolder(true)).toMatch(/^[/\\]cache[/\\]embeddings$/)
})
