import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type FakeHub, startFakeHub } from '../models/hub/fake-hub.ts'
import { fixturePath } from '../support/fixtures.ts'
import { runCli, startCli } from '../support/run-cli.ts'

const COMMIT = 'b'.repeat(40)
let hub: FakeHub
let home: string
let environment: Record<string, string>

beforeEach(async () => {
  const model = fixturePath('models/sd15-tiny')
  const paths = (readdirSync(model, { recursive: true }) as string[]).filter((path) => statSync(join(model, path)).isFile())
  const files = Object.fromEntries(paths.map((path) => [path, readFileSync(join(model, path))]))
  hub = await startFakeHub({ 'acme/tiny': { commit: COMMIT, files } })
  hub.largeFrom = 100_000
  home = mkdtempSync(join(tmpdir(), 'diffgentor-pull-'))
  environment = { HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'hf_secret' }
})
afterEach(() => hub[Symbol.asyncDispose]())

const repository = () => join(home, 'hub', 'models--acme--tiny')

describe('diffgentor models pull', () => {
  it('prints the folder, tells the size before and keeps the token to itself', async () => {
    const { code, stdout, stderr } = await runCli(['models', 'pull', 'acme/tiny'], { environment })
    expect(code).toBe(0)
    expect(stdout.trim()).toBe(join(repository(), 'snapshots', COMMIT))
    expect(stderr).toMatch(/^Downloading acme\/tiny: 14 files, 2\.2 MB, into /)
    expect(stdout + stderr).not.toContain('hf_secret')
    const listed = await runCli(['models'], { environment })
    expect(listed.stdout).toMatch(/acme\/tiny +hub/)
  })

  it('goes on after it was killed, where it was', async () => {
    hub.stalls.set('unet/model.onnx', 300_000)
    const killed = startCli(['models', 'pull', 'acme/tiny'], { environment })
    const partials = () => (existsSync(join(repository(), 'blobs')) ? readdirSync(join(repository(), 'blobs')) : [])
    const sizeOfPartial = () => {
      const name = partials().find((file) => file.endsWith('.incomplete'))
      return name === undefined ? 0 : statSync(join(repository(), 'blobs', name)).size
    }
    await expect.poll(sizeOfPartial).toBe(300_000)
    killed.kill('SIGKILL')
    await once(killed, 'close')
    const { code } = await runCli(['models', 'pull', 'acme/tiny'], { environment })
    expect(code).toBe(0)
    expect(hub.requests.filter(({ path }) => path.endsWith('unet/model.onnx')).at(-1)!.range).toBe('bytes=300000-')
    expect(partials().filter((file) => file.endsWith('.incomplete'))).toEqual([])
  })

  it('shares the work with a second process that pulls the same', async () => {
    const results = await Promise.all([1, 2].map(() => runCli(['models', 'pull', 'acme/tiny'], { environment })))
    expect(results.map(({ code }) => code)).toEqual([0, 0])
    const large = hub.requests.filter(({ host }) => host === 'cdn').map(({ path }) => path)
    expect(large).toHaveLength(new Set(large).size)
  })

  it('tells what is gated in one sentence, without the token', async () => {
    hub.repositories.get('acme/tiny')!.refusal = { status: 403, code: 'GatedRepo' }
    const { code, stderr } = await runCli(['models', 'pull', 'acme/tiny'], { environment })
    expect(code).toBe(1)
    expect(stderr.split('\n').filter((line) => line.startsWith('diffgentor:'))).toEqual([
      `diffgentor: The repository acme/tiny is gated: accept its conditions on ${hub.endpoint}/acme/tiny with the account whose token is used.`,
    ])
    expect(stderr).not.toContain('hf_secret')
  })
})

describe('diffgentor models rm', () => {
  it('removes a download and nothing else', async () => {
    await runCli(['models', 'pull', 'acme/tiny'], { environment })
    const removed = await runCli(['models', 'rm', 'acme/tiny'], { environment })
    expect(removed).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Removed .*models--acme--tiny \(2\.2 MB\)/) })
    expect(existsSync(repository())).toBe(false)
    const again = await runCli(['models', 'rm', 'acme/tiny'], { environment })
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is not in the hub cache') })
    const builtIn = await runCli(['models', 'rm', 'emoji'], { environment })
    expect(builtIn).toMatchObject({ code: 2, stderr: expect.stringContaining('removes downloads of the hub') })
  })
})

describe('diffgentor t2i --model_name org/name', () => {
  it('downloads the model once, and then draws without the hub', async () => {
    const draw = (folder: string, extra: Record<string, string> = {}) =>
      runCli(
        [
          't2i',
          '--model_name',
          'acme/tiny',
          '--prompt',
          'a fox',
          '--num_inference_steps',
          '1',
          '--seed',
          '3',
          '--output_dir',
          folder,
        ],
        { environment: { ...environment, ...extra } },
      )
    const first = await draw(join(home, 'first'))
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('Downloading acme/tiny: 14 files') })
    hub.requests.length = 0
    const second = await draw(join(home, 'second'), { HF_HUB_OFFLINE: '1' })
    expect(second).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Downloading') })
    expect(hub.requests).toEqual([])
    const [one, other] = ['first', 'second'].map((name) => readFileSync(join(home, name, '000000.png')))
    expect(one!.equals(other!)).toBe(true)
  })

  it('downloads nothing for a dry run', async () => {
    const { code, stderr } = await runCli(['t2i', '--dry_run', '--model_name', 'acme/tiny', '--prompt', 'a fox'], { environment })
    expect(code).toBe(2)
    expect(stderr).toContain('download it with "diffgentor models pull acme/tiny"')
    expect(hub.requests).toEqual([])
  })
})
