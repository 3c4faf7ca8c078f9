import { readdir } from 'node:fs/promises'
import { resolve } from 'node:path'

/** A file of a folder that people fill. */
export interface ListedFile {
  /** Path inside the folder without its ending. */
  name: string
  /** Path inside the folder. */
  file: string
  /** Absolute path. */
  path: string
}

/** The files of a folder and the folders in it that have an ending such as `.onnx`, by name; a folder that is not there has none. */
export async function listFiles(folder: string, ending: string): Promise<ListedFile[]> {
  const entries = await readdir(folder, { recursive: true }).catch((): string[] => [])
  const files = entries.filter((entry) => entry.endsWith(ending)).sort()
  return files.map((entry) => {
    const file = entry.replaceAll('\\', '/')
    return { name: file.slice(0, -ending.length), file, path: resolve(folder, entry) }
  })
}
