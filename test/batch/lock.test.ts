import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { lockFolder } from '../../src/batch/folder-lock.ts'
import { runFilesOf, type Shard } from '../../src/batch/run-files.ts'
import { isProcessAlive, readProcessStart } from '../../src/process-identity.ts'
import { makeFolder, sentencesOf, tryBatch } from './batch-harness.ts'

const WHOLE: Shard = { nodeRank: 0, numNodes: 1 }
function lock(folder: string, shard = WHOLE) {
  const files = runFilesOf(folder, shard)
  mkdirSync(files.home, { recursive: true })
  return lockFolder(files, shard)
}

function leaveLock(folder: string, holder: object): void {
  writeFileSync(join(folder, '.diffgentor.lock'), `${JSON.stringify({ runId: 'dead', nodeRank: 0, numNodes: 1, ...holder })}\n`)
}

async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', ''])
  await new Promise((resolve) => child.once('exit', resolve))
  return child.pid!
}

it('lets one run have a folder and tells the second the first’s process and host', () => {
  const folder = makeFolder()
  using _ = lock(folder)
  expect(() => lock(folder)).toThrow(`is in use by process ${process.pid} on ${hostname()}`)
  expect(() => lock(folder)).toThrow(expect.objectContaining({ code: 'folder_locked' }))
})

it('leaves nothing behind when it lets go', () => {
  const folder = makeFolder()
  lock(folder)[Symbol.dispose]()
  expect(readdirSync(folder)).toEqual([])
})

it('takes over the lock of a dead process and says so', async () => {
  const folder = makeFolder()
  const pid = await endedProcess()
  leaveLock(folder, { pid, host: hostname() })
  const { events } = await tryBatch({ rows: ['a'], folder })
  expect(sentencesOf(events, 'notice')).toEqual([`The lock of process ${pid} on ${hostname()}, which is gone, was taken over.`])
})

it('takes over a torn lock', () => {
  const folder = makeFolder()
  writeFileSync(join(folder, '.diffgentor.lock'), '{"pid": 1')
  using taken = lock(folder)
  expect(taken.notice).toContain('unknown process')
})

it.runIf(process.platform === 'linux')('does not take another process with the same number for the holder', () => {
  const folder = makeFolder()
  leaveLock(folder, { pid: process.pid, host: hostname(), start: 'another-boot:123' })
  using taken = lock(folder)
  expect(taken.notice).toContain('taken over')
  expect(isProcessAlive(process.pid, readProcessStart(process.pid))).toBe(true)
})

it('believes a lock from another host, and says which file to remove', () => {
  const folder = makeFolder()
  leaveLock(folder, { pid: 1, host: 'elsewhere' })
  expect(() => lock(folder)).toThrow(/process 1 on elsewhere; if it is gone, remove .*\.diffgentor\.lock/)
  expect(existsSync(join(folder, '.diffgentor.lock'))).toBe(true)
})

it('lets shards of one split share a folder, and refuses another split beside them', () => {
  const folder = makeFolder()
  using first = lock(folder, { nodeRank: 0, numNodes: 3 })
  using second = lock(folder, { nodeRank: 2, numNodes: 3 })
  expect(second.livingRuns).toEqual(new Set([first.runId, second.runId]))
  expect(() => lock(folder, { nodeRank: 2, numNodes: 3 })).toThrow('in use')
  expect(() => lock(folder)).toThrow('in use')
  expect(() => lock(folder, { nodeRank: 1, numNodes: 2 })).toThrow('in use')
})
