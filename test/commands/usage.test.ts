import { describe, expect, it } from 'vitest'
import { runCli } from '../support/run-cli.ts'

describe('help', () => {
  it('lists the commands', async () => {
    const { code, stdout } = await runCli(['--help'])
    expect(code).toBe(0)
    for (const command of ['t2i', 'edit', 'serve', 'models', 'inspect', 'doctor']) expect(stdout).toContain(`  ${command} `)
  })

  it.each(['t2i', 'edit', 'serve', 'models', 'inspect', 'doctor'])(
    'of %s names its flags on stdout and nothing on stderr',
    async (command) => {
      const { code, stdout, stderr } = await runCli([command, '--help'])
      expect(code).toBe(0)
      expect(stdout).toContain('--help')
      expect(stdout).not.toMatch(/\[(string|boolean|array)\]/)
      expect(stderr).toBe('')
    },
  )

  it('prints the version', async () => {
    const { stdout } = await runCli(['--version'])
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('bad usage ends with exit code 2 and one sentence', () => {
  it.each([
    [['t2'], 'There is no command "t2". Did you mean t2i?'],
    [['t2i', '--promt', 'x'], 'There is no flag --promt. Did you mean --prompt?'],
    [['t2i', '--prompt-file', 'x'], 'There is no flag --prompt_file. Did you mean --prompts_file?'],
    [['t2i', 'a red apple'], 'The word "a red apple" is not expected here'],
    [['t2i', '--output_dir'], '--output_dir needs a value.'],
    [
      ['t2i', '--prompt', 'x', '--num-inference-steps', 'ten'],
      '--num_inference_steps expects a whole number from 1 to 10000, got "ten".',
    ],
    [['t2i', '--prompt', 'x', '--backend', 'onyx'], 'There is no backend "onyx". Did you mean onnx?'],
    [['t2i'], 'Give prompts'],
  ])('%j', async (args, sentence) => {
    const { code, stdout, stderr } = await runCli(args)
    expect(stderr).toContain(`diffgentor: ${sentence}`)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })
})
