import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { programCacheFolder } from '../config/user-folders.ts'
import type { ModelSettings } from './model-folders.ts'

/** A file's digest, and by what one sees that the file is still the same. */
interface KnownFile {
  size: number
  modified: number
  sha256: string
}

type KnownFiles = Record<string, KnownFile>

/**
 * SHA-256 of what a model is made of: its graphs and their data (`weightFiles`, relative to the folder) and every configuration and
 * vocabulary beside them. Digests of single files are kept in the cache folder and hold as long as size and time of change do.
 */
export async function hashModel(folder: string, weightFiles: readonly string[], settings: ModelSettings): Promise<string> {
  const names = [...new Set([...weightFiles, ...(await listTexts(folder))])].sort()
  const cacheFile = join(settings.cacheDir ?? programCacheFolder(), 'model-hashes', `${sha256(folder)}.json`)
  const known = await readKnown(cacheFile)
  const current: KnownFiles = {}
  for (const name of names) current[name] = await describeFile(join(folder, name), known[name])
  if (names.some((name) => current[name] !== known[name])) await writeKnown(cacheFile, current)
  return sha256(names.map((name) => `${name}\0${current[name]?.sha256}\n`).join(''))
}

/** Configurations and vocabularies, in the folder itself and one level below. */
async function listTexts(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const lists = entries.map(async (entry) => {
    if (!entry.isDirectory()) return [entry.name]
    return (await readdir(join(folder, entry.name))).map((name) => `${entry.name}/${name}`)
  })
  return (await Promise.all(lists)).flat().filter((name) => /(?:\.json|merges\.txt|\.model)$/.test(name))
}

async function describeFile(path: string, known: KnownFile | undefined): Promise<KnownFile> {
  const { size, mtimeMs: modified } = await stat(path)
  if (known?.size === size && known.modified === modified) return known
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) hash.update(chunk as Buffer)
  return { size, modified, sha256: hash.digest('hex') }
}

async function readKnown(file: string): Promise<KnownFiles> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as KnownFiles
  } catch {
    return {}
  }
}

/** A cache that cannot be written only costs time. */
async function writeKnown(file: string, files: KnownFiles): Promise<void> {
  const part = `${file}.${process.pid}.part`
  await mkdir(join(file, '..'), { recursive: true })
    .then(() => writeFile(part, JSON.stringify(files)))
    .then(() => rename(part, file))
    .catch(() => undefined)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
