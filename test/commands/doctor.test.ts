import { describe, expect, it } from 'vitest'
import { runCli } from '../support/run-cli.ts'

describe('doctor', () => {
  it('lists every variable with what is set, and tells of keys only that they are there', async () => {
    const environment = { DG_EDIT_WIDTH: '64', GOOGLE_API_KEY: 'sk-very-secret', DG_T2I_BATCHSIZE: '2' }
    const { stdout } = await runCli(['doctor'], { environment })
    expect(stdout).toMatch(/^ +64 .* DG_EDIT_WIDTH, DG_T2I_WIDTH$/m)
    expect(stdout).toMatch(/^ +– +– .* DG_EDIT_STRENGTH$/m)
    expect(stdout).toMatch(/^ +– +8000 .* DG_SERVE_PORT$/m)
    expect(stdout).toMatch(/^ +GOOGLE_API_KEY +set$/m)
    expect(stdout).toMatch(/^ +OPENAI_API_KEY +not set$/m)
    expect(stdout).toContain('Did you mean DG_T2I_BATCH_SIZE?')
    expect(stdout).not.toContain('sk-very-secret')
  })

  it('gives the same as JSON', async () => {
    const { stdout } = await runCli(['doctor', '--json'], { environment: { OPENAI_API_KEY: 'sk-very-secret' } })
    const report = JSON.parse(stdout) as { providers: unknown[]; variables: { variable?: string; value?: string }[] }
    expect(report.providers).toContainEqual({ name: 'cpu', works: true })
    expect(report.variables).toContainEqual(expect.objectContaining({ variable: 'OPENAI_API_KEY', value: '(set)' }))
    expect(stdout).not.toContain('sk-very-secret')
  })
})
