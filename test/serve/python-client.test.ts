import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { startTestServer } from './test-server.ts'

const SCRIPT = fileURLToPath(new URL('../clients/openai_sdk.py', import.meta.url))

/** A Python that has the SDK: `DIFFGENTOR_TEST_PYTHON`, or the system's. */
const PYTHON = process.env['DIFFGENTOR_TEST_PYTHON'] ?? 'python3'
const hasSdk = spawnSync(PYTHON, ['-c', 'import openai']).status === 0

describe('the openai SDK for Python', () => {
  it.skipIf(!hasSdk)('cases 14, 20, 23, 42, 43: generates, streams, edits, chats, orders videos and reads errors', async () => {
    const server = await startTestServer()
    const { stdout } = await promisify(execFile)(PYTHON, [SCRIPT, server.url])
    expect(stdout).toMatch(/^openai [\d.]+: ok/)
  })
})
