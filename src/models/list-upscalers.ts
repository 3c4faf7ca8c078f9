import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** A super-resolution graph by the name that requests use. */
export interface ListedUpscaler {
  /** Path inside the folder without its ending. */
  name: string
  /** Absolute path. */
  path: string
}

/** The `.onnx` files of a folder and the folders in it, by name; a folder that is not there has none. */
export async function listUpscalers(folder: string): Promise<ListedUpscaler[]> {
  const entries = await readdir(folder, { recursive: true }).catch((): string[] => [])
  const files = entries.filter((entry) => entry.endsWith('.onnx')).sort()
  return files.map((file) => ({
    name: file.replaceAll('\\', '/').replace(/\.onnx$/, ''),
    path: resolve(join(folder, file)),
  }))
}
