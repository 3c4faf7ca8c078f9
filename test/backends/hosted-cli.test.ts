import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runCli, startCli } from '../support/run-cli.ts'
import { type FakeUpstream, type Reply, startUpstream } from './support/fake-upstream.ts'
import { errorReply, picturesReply, SECRET } from './support/openai-upstream.ts'
import { drawPicture, toBase64 } from './support/pictures.ts'

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hosted-cli-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function environmentOf({ url }: FakeUpstream): Record<string, string> {
  return { OPENAI_API_KEY: SECRET, OPENAI_BASE_URL: `${url}/v1`, DG_PROMPT_ENHANCER_API_KEY: SECRET }
}

const ARGS = ['--backend', 'openai', '--model_name', 'dall-e-3', '--retry_delay', '0', '--prompt', 'a fox', '--prompt', 'a hen']

/** Everything that stands in a folder, as one text. */
function readAll(folder: string): string {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))
  return names.map((name) => (statSync(name).isFile() ? readFileSync(name, 'latin1') : name)).join('\n')
}

describe('diffgentor t2i on a hosted model', () => {
  it('sends no row again that was in flight when the program was killed, unless told to', async () => {
    const fine = picturesReply(toBase64(await drawPicture()))
    let reply: Reply = 'hang'
    await using upstream = await startUpstream(() => reply)
    const output = makeFolder()
    const args = ['t2i', ...ARGS, '--output_dir', output]
    const environment = environmentOf(upstream)
    const child = startCli(args, { environment })
    await upstream.arrived(2)
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('close', resolve))
    reply = fine
    const resumed = await runCli(args, { environment })
    expect(resumed.code).toBe(1)
    expect(resumed.stderr).toContain('--retry_ambiguous')
    expect(upstream.requests).toHaveLength(2)
    const repeated = await runCli([...args, '--retry_ambiguous'], { environment })
    expect(repeated.code).toBe(0)
    expect(upstream.requests).toHaveLength(4)
  })

  it('keeps the key out of messages, files and the printed configuration', async () => {
    const told = { message: `Bad key ${SECRET}.` }
    const replies: Reply[] = [errorReply(400, told), errorReply(503, told), errorReply(401, told), 'reset']
    await using upstream = await startUpstream((_, place) => replies[place] ?? errorReply(401, told))
    const output = makeFolder()
    const environment = environmentOf(upstream)
    const args = ['t2i', ...ARGS, '--output_dir', output, '--verbose', '--log_level', 'debug']
    for (let run = 0; run < 3; run++) {
      const { stdout, stderr } = await runCli([...args, '--json'], { environment })
      expect(stdout + stderr).not.toContain(SECRET)
    }
    expect(upstream.requests.length).toBeGreaterThan(2)
    expect(readAll(output)).not.toContain(SECRET)
    const { stdout, stderr } = await runCli([...args, '--print_config'], { environment })
    expect(stdout).toContain('openai_api_key')
    expect(stdout + stderr).not.toContain(SECRET)
  })

  it('refuses a budget without a price before anything starts', async () => {
    await using upstream = await startUpstream(() => 'hang')
    const output = makeFolder()
    const args = ['t2i', '--backend', 'openai', '--model_name', 'bagel', '--prompt', 'x', '--output_dir', output, '--budget', '1']
    const { code, stderr } = await runCli(args, { environment: environmentOf(upstream) })
    expect(code).toBe(2)
    expect(stderr).toContain('--price')
    expect(upstream.requests).toHaveLength(0)
  })
})
