import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { modelsCommand } from '../../src/commands/models.ts'
import { fixturePath } from '../support/fixtures.ts'

let work: string
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'dg-quantize-'))
})
afterEach(() => rm(work, { recursive: true, force: true }))

/** Runs `models quantize` with flags; gives what it prints. */
async function quantize(name: string, flags: Readonly<Record<string, unknown>>): Promise<string> {
  const stdout = new PassThrough()
  const terminal = { stdin: new PassThrough(), stdout, stderr: new PassThrough() }
  const command = modelsCommand({ terminal, setExitCode: () => undefined })
  await command.handler({ _: ['models'], $0: 'diffgentor', action: 'quantize', name, ...flags })
  stdout.end()
  return await text(stdout)
}

it('tells for each component how much smaller it is and how close it stays', async () => {
  const printed = await quantize(fixturePath('models/sd15-tiny'), { output_dir: join(work, 'copy'), json: true })
  const components = JSON.parse(printed) as { name: string; bytesBefore: number; bytesAfter: number; cosine: number }[]
  expect(components.map(({ name }) => name).sort()).toEqual(['text_encoder', 'unet'])
  for (const { bytesBefore, bytesAfter, cosine } of components) {
    expect(bytesAfter).toBeLessThan(bytesBefore)
    expect(cosine).toBeGreaterThan(0.97)
  }
})

it('asks for a folder to write into', async () => {
  await expect(quantize(fixturePath('models/sd15-tiny'), {})).rejects.toThrow(/--output_dir/)
})

it('writes nothing when the model has no layer to quantize', async () => {
  const target = join(work, 'copy')
  await expect(quantize(fixturePath('models/sd15-tiny-fp16'), { output_dir: target })).rejects.toMatchObject({
    code: 'unsupported',
  })
  expect(existsSync(target)).toBe(false)
})
