import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { runCli } from '../support/run-cli.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

const runExample = (name: string, ...args: string[]) =>
  promisify(execFile)(process.execPath, ['--import', tsx, join(root, 'examples', name), ...args], { cwd: root })

it('text-to-image.ts draws the same picture as the command line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-example-'))
  await runExample('text-to-image.ts', 'a red apple', join(folder, 'apple.png'))
  await runCli(['t2i', '--prompt', 'a red apple', '--seed', '7', '--no_metadata', '--output_dir', folder])
  expect(readFileSync(join(folder, 'apple.png')).equals(readFileSync(join(folder, '000000.png')))).toBe(true)
})

it('batch.ts resumes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-example-'))
  const prompts = readFileSync(join(root, 'examples/prompts.txt'), 'utf8').trim().split('\n').length
  const first = await runExample('batch.ts', 'examples/prompts.txt', folder, 'fake')
  expect(first.stdout).toBe(`${prompts} drawn, 0 done before, 0 failed\n`)
  const second = await runExample('batch.ts', 'examples/prompts.txt', folder, 'fake')
  expect(second.stdout).toBe(`0 drawn, ${prompts} done before, 0 failed\n`)
})

it('custom-backend.ts plugs into the command line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-example-'))
  const { code, stderr } = await runCli(
    [
      't2i',
      '--plugin',
      join(root, 'examples/custom-backend.ts'),
      '--backend',
      'one_color',
      '--prompt',
      'x',
      '--seed',
      '99',
      '--output_dir',
      folder,
    ],
    { environment: { NODE_OPTIONS: `--import ${tsx}` } },
  )
  expect(stderr).toContain('done')
  expect(code).toBe(0)
  expect(readFileSync(join(folder, '000000.png')).subarray(1, 4).toString()).toBe('PNG')
})

it('edit/ turns its table into edited pictures and results', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'diffgentor-example-'))
  const input = join(root, 'examples/edit/edits.csv')
  const { code, stderr } = await runCli([
    'edit',
    '--input',
    input,
    '--seed',
    '3',
    '--num_inference_steps',
    '4',
    '--contact_sheet',
    '--output_dir',
    folder,
  ])
  expect(stderr).toMatch(/done +4/)
  expect(code).toBe(0)
  const [header, ...rows] = readFileSync(join(folder, 'results.csv'), 'utf8').trim().split('\n')
  expect(header).toBe('image,mask,instruction,strength,note,output_image,instruction_enhanced,error')
  expect(rows.map((row) => row.split(',')[5])).toEqual(['000000.png', '000001.png', '000002.png', '000003.png'])
  expect(readFileSync(join(folder, 'contact-sheet.html'), 'utf8')).toContain('a wolf on an orange background')
})
