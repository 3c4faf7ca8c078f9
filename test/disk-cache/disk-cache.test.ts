import { mkdir, mkdtemp, readdir, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DiskCache } from '../../src/disk-cache/disk-cache.ts'
import { makeOnce } from '../../src/disk-cache/make-once.ts'

const HOUR_MS = 60 * 60 * 1000
const NOW = Date.now()

async function makeFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'disk-cache-'))
}

/** Writes a file of 100 bytes that was used so many hours ago. */
async function writeEntry(path: string, hoursAgo: number): Promise<void> {
  await writeFile(path, new Uint8Array(100))
  await utimes(path, new Date(NOW), new Date(NOW - hoursAgo * HOUR_MS))
}

describe('a cache on disk', () => {
  it('stays within its limit over all its folders, what was unused for longest going first', async () => {
    const folders = [await makeFolder(), await makeFolder()] as const
    await writeEntry(join(folders[0], 'oldest'), 4)
    await writeEntry(join(folders[1], 'newest'), 2)
    await writeEntry(join(folders[0], 'older'), 3)
    await new DiskCache({ folders, limitBytes: 250 }).tidy(NOW)
    expect(await readdir(folders[0])).toEqual(['older'])
    expect(await readdir(folders[1])).toEqual(['newest'])
  })

  it('counts a folder as one entry, used when any of its files was', async () => {
    const folder = await makeFolder()
    await mkdir(join(folder, 'graph'))
    await writeEntry(join(folder, 'graph', 'model'), 3)
    await writeEntry(join(folder, 'graph', 'weights'), 2)
    await utimes(join(folder, 'graph'), new Date(NOW), new Date(NOW - 5 * HOUR_MS))
    await writeEntry(join(folder, 'file'), 4)
    await new DiskCache({ folders: [folder], limitBytes: 250 }).tidy(NOW)
    expect(await readdir(folder)).toEqual(['graph'])
    expect(await readdir(join(folder, 'graph'))).toEqual(['model', 'weights'])
  })

  it('keeps what was made or used within the last hour, however large', async () => {
    const folder = await makeFolder()
    await writeEntry(join(folder, 'read'), 3)
    await writeEntry(join(folder, 'held'), 3)
    await writeEntry(join(folder, 'unused'), 3)
    const cache = new DiskCache({ folders: [folder], limitBytes: 0 })
    await cache.touch(join(folder, 'read'))
    await cache.hold(join(folder, 'held'))
    await writeFile(join(folder, 'made'), 'new')
    await cache.tidy(NOW)
    expect((await readdir(folder)).toSorted()).toEqual(['held', 'made', 'read'])
  })

  it('clears away what writers left behind, but not what is being written', async () => {
    const folder = await makeFolder()
    await writeEntry(join(folder, 'a.part'), 2)
    await writeEntry(join(folder, 'b.part'), 0)
    await writeEntry(join(folder, 'c.lock'), 2)
    await new DiskCache({ folders: [folder], limitBytes: 1e9 }).tidy(NOW)
    expect(await readdir(folder)).toEqual(['b.part'])
  })

  it('needs no folder', async () => {
    const folder = join(await makeFolder(), 'none')
    await expect(new DiskCache({ folders: [folder], limitBytes: 1 }).tidy()).resolves.toBeUndefined()
  })
})

describe('an entry that several want to make', () => {
  async function fill(staging: string): Promise<void> {
    await writeFile(join(staging, 'file'), 'whole')
  }

  it('is made by one of them', async () => {
    const place = join(await makeFolder(), 'entry')
    let made = 0
    const make = async (staging: string) => {
      made++
      await fill(staging)
    }
    await Promise.all([makeOnce(place, make), makeOnce(place, make), makeOnce(place, make)])
    expect(made).toBe(1)
    expect(await readdir(place)).toEqual(['file'])
    expect(await readdir(join(place, '..'))).toEqual(['entry'])
  })

  it('is made when the one who began is gone', async () => {
    const place = join(await makeFolder(), 'entry')
    // Above every limit that systems put on process ids.
    await writeFile(`${place}.lock`, String(2 ** 31 - 2))
    await makeOnce(place, fill)
    expect(await readdir(place)).toEqual(['file'])
  })

  it('leaves nothing behind when making fails, so that the next one may try', async () => {
    const place = join(await makeFolder(), 'entry')
    const failing = async (staging: string) => {
      await fill(staging)
      throw new Error('no room')
    }
    await expect(makeOnce(place, failing)).rejects.toThrow('no room')
    expect(await readdir(join(place, '..'))).toEqual([])
    await makeOnce(place, fill)
    expect(await readdir(place)).toEqual(['file'])
  })
})
