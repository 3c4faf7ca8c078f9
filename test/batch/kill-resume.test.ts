import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { runCli, startCli } from '../support/run-cli.ts'
import { listPictures, makeFolder, readLedger } from './batch-harness.ts'

/** 40 in CI; `npm run soak` asks for 200. */
const KILLS = Number(process.env.DG_TEST_KILLS ?? 40)

vi.setConfig({ testTimeout: KILLS * 15_000 })

/** Runs until a random moment between nothing and `longest` milliseconds after the first line of the ledger, then kills the whole process group. Resolves with the exit code, null when killed. */
async function runAndKill(args: readonly string[], ledger: string, longest: number): Promise<number | null> {
  const child = startCli(args)
  child.stdin!.end()
  child.stdout!.resume()
  child.stderr!.resume()
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  const begins = Math.random() < 0.8 ? waitForGrowth(ledger) : Promise.resolve()
  const killed = begins.then(() => new Promise((resolve) => setTimeout(resolve, Math.random() * longest)))
  await Promise.race([ended, killed])
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
  return await ended
}

async function waitForGrowth(path: string): Promise<void> {
  const size = () => (existsSync(path) ? statSync(path).size : 0)
  const before = size()
  const limit = Date.now() + 20_000
  while (size() === before && Date.now() < limit) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Kills the same command again and again until it ends by itself; as many folders as it takes for all the kills. */
async function journey(
  args: (folder: string) => string[],
  kills: number,
  longest: number,
): Promise<{ folders: string[]; kills: number }> {
  const folders: string[] = []
  let done = 0
  while (done < kills) {
    const folder = makeFolder()
    folders.push(folder)
    const ledger = join(folder, 'ledger.jsonl')
    for (let code: number | null = null; code === null; ) {
      code = done < kills ? await runAndKill(args(folder), ledger, longest) : (await runCli(args(folder))).code
      if (code === null) done++
      else expect(code).toBe(0)
    }
  }
  return { folders, kills: done }
}

function expectWhole(folder: string, pictures: Record<string, string>, rows: number): void {
  expect(listPictures(folder)).toEqual(pictures)
  const finished = readLedger(folder).filter(({ status }) => status === 'done')
  expect(finished).toHaveLength(rows)
  expect(new Set(finished.map(({ index }) => index)).size).toBe(rows)
}

it(`ends in the same files, byte for byte, after ${KILLS} kills at random moments, and works no recorded row twice`, async () => {
  const rows = Array.from({ length: 240 }, (_, row) => ({
    prompt: `[delay:${row % 40}] row ${row}`,
    n: row % 7 === 0 ? 2 : 1,
    output_name: row % 3 === 0 ? `deep/${row % 5}/${row}` : '',
  }))
  const file = join(makeFolder(), 'rows.jsonl')
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const args = (folder: string) => [
    't2i',
    '--backend',
    'fake',
    '--prompts_file',
    file,
    '--output_dir',
    folder,
    '--seed',
    '5',
    '--quiet',
  ]
  const whole = makeFolder()
  expect((await runCli(args(whole))).code).toBe(0)
  const pictures = listPictures(whole)
  const { folders } = await journey(args, KILLS, 150)
  for (const folder of folders) expectWhole(folder, pictures, rows.length)
})

it('ends in the same pictures after kills of the local engine too', async () => {
  const file = join(makeFolder(), 'prompts.txt')
  writeFileSync(file, Array.from({ length: 10 }, (_, row) => `a red apple ${row}\n`).join(''))
  const engine = ['--num_inference_steps', '2', '--num_workers', '2', '--intra_op_threads', '1']
  const args = (folder: string) => ['t2i', ...engine, '--prompts_file', file, '--output_dir', folder, '--seed', '5', '--quiet']
  const whole = makeFolder()
  expect((await runCli([...args(whole), '--num_workers', '1'])).code).toBe(0)
  const pictures = listPictures(whole)
  const { folders } = await journey(args, Math.ceil(KILLS / 10), 1500)
  for (const folder of folders) expectWhole(folder, pictures, 10)
})
