import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../support/run-cli.ts'

const emoji = fileURLToPath(new URL('../../models/emoji', import.meta.url))

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'diffgentor-bad-'))
})

/** Runs `t2i` and expects one sentence, exit code 2 and no output folder with pictures. */
async function expectRefusal(args: string[], sentence: string | RegExp) {
  const { code, stdout, stderr } = await runCli(['t2i', '--output_dir', 'out', ...args], { cwd })
  expect(stderr).toMatch(sentence)
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(stdout).toBe('')
  expect(code).toBe(2)
  expect(existsSync(join(cwd, 'out', 'ledger.jsonl'))).toBe(false)
}

describe('prompts', () => {
  it('in a file that does not exist', () => expectRefusal(['--prompts_file', 'absent.txt'], 'absent.txt does not exist.'))

  it('in an empty file', async () => {
    writeFileSync(join(cwd, 'empty.jsonl'), '')
    await expectRefusal(['--prompts_file', 'empty.jsonl'], 'empty.jsonl is empty.')
  })

  it('in a compressed file', async () => {
    writeFileSync(join(cwd, 'rows.csv'), gzipSync('prompt\na\n'))
    await expectRefusal(['--prompts_file', 'rows.csv', '--backend', 'fake'], 'rows.csv is compressed with gzip; unpack it')
  })

  it('without words', () => expectRefusal(['--prompt', ' ', '--backend', 'fake'], '--prompt expects what to draw'))

  it('from stdin that would change a run leave what it kept alone', async () => {
    const args = ['t2i', '--backend', 'fake', '--prompts_file', '-', '--input_format', 'txt', '--output_dir', 'out', '--quiet']
    expect((await runCli(args, { cwd, input: 'a fox\n' })).code).toBe(0)
    const { code, stderr } = await runCli(args, { cwd, input: 'an owl\n' })
    expect(stderr).toMatch(/rows of the data set that were there before have changed/)
    expect(code).toBe(2)
    expect(readdirSync(join(cwd, 'out', 'logs')).filter((name) => name.includes('stdin'))).toEqual(['stdin.txt'])
    expect(readFileSync(join(cwd, 'out', 'logs', 'stdin.txt'), 'utf8')).toBe('a fox\n')
  })

  it.skipIf(process.platform === 'win32')('from a named pipe without a format', async () => {
    execFileSync('mkfifo', [join(cwd, 'pipe')])
    await expectRefusal(
      ['--prompts_file', 'pipe', '--backend', 'fake'],
      'pipe has no ending that tells its format; say it with --input',
    )
  })

  it('under no known column', async () => {
    writeFileSync(join(cwd, 'rows.csv'), 'foo,bar\n1,2\n')
    await expectRefusal(['--prompts_file', 'rows.csv', '--backend', 'fake'], /no column prompt .*its columns are: foo, bar/)
  })

  it('with an index twice', async () => {
    writeFileSync(join(cwd, 'rows.csv'), 'index,prompt\n4,a\n4,b\n')
    await expectRefusal(['--prompts_file', 'rows.csv', '--backend', 'fake'], 'same index: 4')
  })
})

describe('a wish that the model cannot meet, before anything is drawn', () => {
  it('a size', () => expectRefusal(['--prompt', 'x', '--size', '100x100'], 'draws only 256x256, got 100x100'))
  it('a scheduler', () => expectRefusal(['--prompt', 'x', '--scheduler', 'eulr'], 'no scheduler named eulr. Did you mean euler?'))
  it('a key of the scheduler', () =>
    expectRefusal(['--prompt', 'x', '--scheduler_config', 'use_karas_sigmas=true'], 'use_karas_sigmas'))
  it('a LoRA file that is not there', () =>
    expectRefusal(['--prompt', 'x', '--lora', 'absent.safetensors'], 'absent.safetensors, which does not exist'))
  it('a device', () =>
    expectRefusal(['--prompt', 'x', '--device', 'abacus'], 'The device abacus does not work here; working: cpu'))
})

describe('a model', () => {
  it('that nobody knows', () => expectRefusal(['--prompt', 'x', '--model_name', 'emogi'], 'Did you mean emoji? Known: emoji'))

  it('folder without graphs', async () => {
    mkdirSync(join(cwd, 'model'))
    await expectRefusal(['--prompt', 'x', '--model_name', './model'], 'holds no ONNX graph')
  })

  it('with a torn graph', async () => {
    cpSync(emoji, join(cwd, 'model'), { recursive: true })
    truncateSync(join(cwd, 'model/unet/model.onnx'), 1_000_000)
    await expectRefusal(['--prompt', 'x', '--model_name', './model'], /unet.model\.onnx is torn or is not ONNX/)
  })
})

describe('an output folder', () => {
  it('that cannot be written', async () => {
    // Root may write anywhere, so a file stands where the folder should be.
    writeFileSync(join(cwd, 'out'), 'a file')
    const { code, stderr } = await runCli(['t2i', '--backend', 'fake', '--prompt', 'x', '--output_dir', 'out'], { cwd })
    expect(stderr).toMatch(/^diffgentor: The output folder/)
    expect(code).toBe(2)
    expect(readFileSync(join(cwd, 'out'), 'utf8')).toBe('a file')
  })

  it.skipIf(!existsSync('/proc/self'))('that cannot be made', async () => {
    const { code, stderr } = await runCli(['t2i', '--backend', 'fake', '--prompt', 'x', '--output_dir', '/proc/none/out'], {
      cwd,
    })
    expect(stderr).toBe(
      'diffgentor: The output folder /proc/none/out cannot be written: its folder does not exist and cannot be made; choose another folder.\n',
    )
    expect(code).toBe(2)
  })

  it.skipIf(process.getuid?.() === 0)('that is read-only', async () => {
    mkdirSync(join(cwd, 'out'))
    chmodSync(join(cwd, 'out'), 0o555)
    const { code } = await runCli(['t2i', '--backend', 'fake', '--prompt', 'x', '--output_dir', 'out'], { cwd })
    expect(code).toBe(2)
  })
})

it('a bad line fails its row alone, with its number', async () => {
  writeFileSync(join(cwd, 'rows.jsonl'), '{"prompt":"a"}\nnot json\n{"prompt":"b"}\n')
  const { code, stderr } = await runCli(['t2i', '--backend', 'fake', '--prompts_file', 'rows.jsonl', '--output_dir', 'out'], {
    cwd,
  })
  expect(stderr).toMatch(/Row 1 failed: Line 2 of rows\.jsonl is not valid JSON/)
  expect(code).toBe(1)
  expect(existsSync(join(cwd, 'out/000000.png'))).toBe(true)
  expect(existsSync(join(cwd, 'out/000002.png'))).toBe(true)
})
