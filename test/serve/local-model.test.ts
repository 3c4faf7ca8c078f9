import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runCli } from '../support/run-cli.ts'
import { fetchJson, startServe } from './served-command.ts'

/** The processes that a process started; needs Linux. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.trim().split(/\s+/).filter(Boolean).map(Number)
}

const canSeeChildren = existsSync(`/proc/${process.pid}/task/${process.pid}/children`)

describe('the built-in model behind the server', () => {
  it('draws the same bytes as on the command line, from text and from a picture', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'diffgentor-serve-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const { url } = await startServe(['--warmup'])
    const look = ['--num_inference_steps', '4', '--seed', '42', '--no_progress', '--quiet']
    await runCli(['t2i', ...look, '--prompt', 'a red apple', '--output_dir', join(folder, 'a')])
    const drawn = await readFile(join(folder, 'a', '000000.png'))
    const settings = { num_inference_steps: 4, seed: 42 }
    const generated = await fetchJson(url, '/v1/images/generations', { prompt: 'a red apple', ...settings })
    expect(generated.data[0].b64_json).toBe(drawn.toString('base64'))

    const edit = ['--input', join(folder, 'a', '000000.png'), '--instruction', 'a green apple', '--strength', '0.6']
    await runCli(['edit', ...look, ...edit, '--output_dir', join(folder, 'b')])
    const images = [drawn.toString('base64')]
    const edited = await fetchJson(url, '/v1/images/edits', { prompt: 'a green apple', images, strength: 0.6, ...settings })
    expect(edited.data[0].b64_json).toBe((await readFile(join(folder, 'b', '000000.png'))).toString('base64'))
  })

  it.skipIf(!canSeeChildren)(
    'answers one request with an error when its process is killed in mid-picture, and draws the next',
    async () => {
      const { url, child } = await startServe(['--warmup'])
      const body = JSON.stringify({ prompt: 'a red apple', num_inference_steps: 100, stream: true, partial_images: 1, n: 4 })
      const response = await fetch(`${url}/v1/images/generations`, { method: 'POST', body })
      await expect.poll(async () => (await fetchJson(url, '/health')).queue.running).toBe(1)
      for (const pid of await childrenOf(child.pid!)) process.kill(pid, 'SIGKILL')
      expect(await response.text()).toContain('"code":"worker_crashed"')
      const next = await fetchJson(url, '/v1/images/generations', { prompt: 'a red apple', num_inference_steps: 2 })
      expect(next.data).toHaveLength(1)
      expect((await fetchJson(url, '/health')).ready).toBe(true)
    },
  )
})
