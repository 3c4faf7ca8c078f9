import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { extract } from 'tar'
import { FIXTURE_ARCHIVES, FIXTURE_CACHE } from './fixtures.ts'

function listArchives(): string[] {
  return readdirSync(FIXTURE_ARCHIVES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tgz'))
}

/** Vitest global setup: unpacks every archive whose content changed since it was last unpacked. */
export async function setup(): Promise<void> {
  for (const name of listArchives()) {
    const archive = join(FIXTURE_ARCHIVES, name)
    const digest = createHash('sha256').update(readFileSync(archive)).digest('hex')
    const target = join(FIXTURE_CACHE, name.slice(0, -'.tgz'.length))
    const stamp = `${target}.sha256`
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) continue
    const staging = `${target}.${process.pid}.part`
    rmSync(staging, { recursive: true, force: true })
    rmSync(target, { recursive: true, force: true })
    mkdirSync(staging, { recursive: true })
    // Every archive holds one top folder, named as the archive.
    await extract({ file: archive, cwd: staging, strip: 1 })
    mkdirSync(dirname(target), { recursive: true })
    renameSync(staging, target)
    writeFileSync(stamp, digest)
    process.stderr.write(`unpacked ${relative(FIXTURE_CACHE, target)}\n`)
  }
}
