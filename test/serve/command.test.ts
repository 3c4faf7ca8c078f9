import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runCli } from '../support/run-cli.ts'
import { makePng } from './pictures.ts'
import { fetchJson, startServe } from './served-command.ts'
import { readEvents, readJson } from './test-server.ts'

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'diffgentor-serve-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

describe('diffgentor serve', () => {
  it('finishes what it draws on SIGTERM and exits with 143', async () => {
    const { url, child, ended } = await startServe(['--backend', 'fake'])
    const body = JSON.stringify({ prompt: '[delay:300]', stream: true })
    // The head of a stream comes when the request is at work.
    const drawing = await fetch(`${url}/v1/images/generations`, { method: 'POST', body })
    child.kill('SIGTERM')
    expect((await readEvents(drawing)).map(({ event }) => event)).toEqual(['image_generation.completed'])
    expect(await ended).toBe(143)
  })

  it('stops at once on the second signal', async () => {
    const { url, child, ended } = await startServe(['--backend', 'fake'])
    void fetchJson(url, '/v1/images/generations', { prompt: '[hang]' }).catch(() => undefined)
    await expect.poll(async () => (await readJson(await fetch(`${url}/health`))).queue.running).toBe(1)
    child.kill('SIGINT')
    await expect
      .poll(
        async () =>
          await fetch(`${url}/health`).then(
            () => 'up',
            () => 'down',
          ),
      )
      .toBe('down')
    child.kill('SIGINT')
    expect(await ended).toBe(130)
  })

  it('exits with 2 and one sentence when the port is taken or the backend is unknown', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void holder.close())
    const { port } = holder.address() as { port: number }
    const taken = await runCli(['serve', '--backend', 'fake', '--port', String(port)])
    expect([taken.code, taken.stdout]).toEqual([2, ''])
    expect(taken.stderr).toMatch(/^diffgentor: Port \d+ of 127\.0\.0\.1 cannot be opened: it is taken; .*\.\n$/)
    const unknown = await runCli(['serve', '--backend', 'nope', '--port', '0'])
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('There is no backend "nope"')
  })

  it('reads its own variables, keeps keys out of sight and warns when it is open to everybody', async () => {
    const environment = { DG_SERVE_API_KEYS: 's3cret', DG_SERVE_NUM_INFERENCE_STEPS: '7' }
    const closed = await startServe(['--backend', 'fake'], { environment })
    expect((await fetch(`${closed.url}/v1/models`)).status).toBe(401)
    const answer = await fetch(`${closed.url}/v1/models`, { headers: { authorization: 'Bearer s3cret' } })
    expect(answer.status).toBe(200)
    expect(closed.stderr()).not.toContain('s3cret')
    const open = await startServe(['--backend', 'fake', '--host', '0.0.0.0'])
    await expect.poll(open.stderr).toContain('without a key')
  })

  it('draws the same bytes as the command line, from text and from pictures', async () => {
    const folder = await makeFolder()
    const { url } = await startServe(['--backend', 'fake', '--model_name', 'acme/fake-1'])
    const model = ['--backend', 'fake', '--model_name', 'acme/fake-1', '--no_progress']
    const look = ['--size', '48x32', '--num_inference_steps', '5', '--negative_prompt', 'blur']
    const drawn = await runCli([
      't2i',
      ...model,
      ...look,
      '--prompt',
      'é',
      '--seed',
      '42',
      '--num_images_per_prompt',
      '2',
      '--output_dir',
      join(folder, 'a'),
    ])
    expect(drawn.code).toBe(0)
    const fields = { prompt: 'é', seed: 42, n: 2, size: '48x32', num_inference_steps: 5, negative_prompt: 'blur' }
    const generated = await fetchJson(url, '/v1/images/generations', fields)
    for (const place of [0, 1]) {
      const file = await readFile(join(folder, 'a', `000000_0${place}.png`))
      expect(generated.data[place].b64_json).toBe(file.toString('base64'))
    }
    const source = join(folder, 'source.png')
    await writeFile(source, await makePng(50, 30))
    const edited = await runCli([
      'edit',
      ...model,
      '--input',
      source,
      '--instruction',
      'bluer',
      '--seed',
      '7',
      '--output_format',
      'jpeg',
      '--output_dir',
      join(folder, 'b'),
    ])
    expect(edited.code).toBe(0)
    const images = [(await readFile(source)).toString('base64')]
    const answer = await fetchJson(url, '/v1/images/edits', { prompt: 'bluer', images, seed: 7, output_format: 'jpeg' })
    expect(answer.data[0].b64_json).toBe((await readFile(join(folder, 'b', '000000.jpg'))).toString('base64'))
  })
})
