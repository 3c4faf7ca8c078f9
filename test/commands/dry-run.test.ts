import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { FakeBackend } from '../../src/backends/fake/fake-backend.ts'
import { openOpenAIBackend } from '../../src/backends/openai/openai-backend.ts'
import { runBatch } from '../../src/batch/run-batch.ts'
import { describeDryRun } from '../../src/commands/dry-run.ts'
import { BATCH_SETTINGS, type BatchSettings, SHARED_SETTINGS, withDefaults } from '../../src/config/settings.ts'
import type { ImageBackend } from '../../src/contract/index.ts'
import { openDataset } from '../../src/datasets/open-dataset.ts'
import { runCli } from '../support/run-cli.ts'

const ROWS = [
  { prompt: 'a fox', n: 2 },
  { prompt: 'a hen', size: '1024x1024', extra: { quality: 'low' } },
  { prompt: 'a cow', width: 'wide' },
]

async function dryRun(backend: ImageBackend, values: Partial<BatchSettings> = {}): Promise<{ told: string; files: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'dry-run-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const source = join(folder, 'rows.jsonl')
  writeFileSync(source, ROWS.map((row) => JSON.stringify(row)).join('\n'))
  await using dataset = await openDataset({ source, kind: 't2i' })
  const settings = withDefaults(BATCH_SETTINGS, { outputDir: join(folder, 'out'), ...values })
  const told = await describeDryRun({ kind: 't2i', dataset, backend, settings })
  return { told, files: readdirSync(folder) }
}

function openModel(modelName: string): Promise<ImageBackend> {
  return openOpenAIBackend(withDefaults(SHARED_SETTINGS, { backend: 'openai', modelName, openaiApiKey: 'sk-none' }))
}

describe('a dry run', () => {
  it('counts rows, pictures and rows that would fail, and writes nothing', async () => {
    const { told, files } = await dryRun(new FakeBackend('fake'))
    expect(told).toMatch(/^rows +3\nimages +3\nrows that would fail +1\n$/)
    expect(files).toEqual(['rows.jsonl'])
  })

  it('prices each row by its own size and quality, and by the dearest where the provider chooses', async () => {
    await using backend = await openModel('gpt-image-1')
    const { told } = await dryRun(backend, { budget: 0.4 })
    // Two at $0.25, one at $0.011.
    expect(told).toContain('cost  $0.51\n')
    expect(told).toContain('The budget of $0.40 would end the run early.')
  })

  it('needs no key, and refuses a budget without a price as the run would', async () => {
    const cwd = mkdtempSync(join(tmpdir(), 'dry-run-'))
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }))
    const args = ['t2i', '--prompt', 'a fox', '--dry_run']
    const priced = await runCli([...args, '--backend', 'openai', '--model_name', 'gpt-image-1'], { cwd })
    expect(priced).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^rows +1\nimages +1\ncost {2}\$0\.25\n/) })
    expect((await runCli([...args, '--backend', 'gemini', '--price', '0.5'], { cwd })).stdout).toContain('cost  $0.50')
    const unknown = await runCli([...args, '--backend', 'openai', '--model_name', 'nobody-knows', '--budget', '1'], { cwd })
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('--price') })
    expect(readdirSync(cwd)).toEqual([])
  })

  it('says that a price is unknown', async () => {
    await using backend = await openModel('some-new-model')
    expect((await dryRun(backend)).told).toContain('cost  unknown\nThe price of some-new-model is unknown')
    expect((await dryRun(backend, { price: 0.1 })).told).toContain('cost  $0.30\n')
  })

  it('leaves out what an earlier run has done', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dry-run-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const source = join(folder, 'rows.jsonl')
    writeFileSync(source, ROWS.map((row) => JSON.stringify(row)).join('\n'))
    await using dataset = await openDataset({ source, kind: 't2i' })
    const backend = new FakeBackend('fake')
    const settings = withDefaults(BATCH_SETTINGS, { backend: 'fake', outputDir: join(folder, 'out') })
    await runBatch({ dataset, backend, settings, kind: 't2i', version: '0.0.0' })
    const ledger = readFileSync(join(folder, 'out/ledger.jsonl'), 'utf8')
    const told = await describeDryRun({ kind: 't2i', dataset, backend, settings })
    // The row that failed would be tried again.
    expect(told).toMatch(/^rows +1\nimages +0\nrows done before +2\nrows that would fail +1\n$/)
    expect(readFileSync(join(folder, 'out/ledger.jsonl'), 'utf8')).toBe(ledger)
  })

  it('counts only the rows that are selected', async () => {
    expect((await dryRun(new FakeBackend('fake'), { filterRows: '0:1' })).told).toMatch(/^rows +1\nimages +2\n$/)
  })
})
