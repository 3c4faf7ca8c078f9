import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/run-cli.ts'

const newFolder = () => mkdtempSync(join(tmpdir(), 'diffgentor-flags-'))

async function printConfig(args: string[], options: Parameters<typeof runCli>[1] = {}) {
  const { stdout, code, stderr } = await runCli(['t2i', '--backend', 'fake', '--print_config', '--json', ...args], {
    cwd: newFolder(),
    ...options,
  })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout) as Record<string, { value: unknown; source: string }>
}

describe('--print_config', () => {
  it('reads flags in snake_case and kebab-case, with aliases and negations', async () => {
    const config = await printConfig([
      '--num-inference-steps=7',
      '--cfg',
      '-1.5',
      '--no-metadata',
      '--no_resume',
      '--prompt',
      'a-b_c, d',
      '--dtype',
      'int8',
    ])
    expect(config.num_inference_steps).toEqual({ value: 7, source: '--num_inference_steps' })
    expect(config.guidance_scale?.value).toBe(-1.5)
    expect(config.metadata?.value).toBe(false)
    expect(config.resume?.value).toBe(false)
    expect(config.prompt?.value).toEqual(['a-b_c, d'])
    expect(config.torch_dtype?.value).toBe('int8')
  })

  it("tells the model's own defaults as such", async () => {
    const config = await printConfig([])
    expect(config.num_inference_steps).toEqual({ value: 4, source: "the model's default" })
    expect(config.strength).toBeUndefined()
  })

  it('masks secrets', async () => {
    const { stdout } = await runCli(['t2i', '--backend', 'fake', '--print_config'], {
      cwd: newFolder(),
      environment: { OPENAI_API_KEY: 'sk-very-secret' },
    })
    expect(stdout).not.toContain('sk-very-secret')
    expect(stdout).toMatch(/openai_api_key +\(set\) +OPENAI_API_KEY/)
  })

  it('finds the configuration file of the working folder', async () => {
    const cwd = newFolder()
    writeFileSync(join(cwd, 'diffgentor.config.yaml'), 'backend: fake\nextra:\n  quality: high\n')
    const config = await printConfig([], { cwd })
    expect(config.extra).toEqual({ value: { quality: 'high' }, source: 'diffgentor.config.yaml' })
  })

  it('writes nothing into the working folder', async () => {
    const cwd = newFolder()
    await printConfig(['--prompt', 'x'], { cwd })
    expect(readdirSync(cwd)).toEqual([])
  })
})

describe('a variable', () => {
  it('that cannot be read ends the command with its name', async () => {
    const { code, stderr } = await runCli(['t2i', '--prompt', 'x'], { environment: { DG_T2I_MAX_RETRIES: 'lots' } })
    expect(stderr).toBe('diffgentor: The variable DG_T2I_MAX_RETRIES expects a whole number from 0 to 100, got "lots".\n')
    expect(code).toBe(2)
  })
})
