import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Bytes free where a folder lies, or would lie. */
export async function freeDiskBytes(folder: string): Promise<number> {
  const isThere = await stat(folder).catch(() => undefined)
  if (!isThere && dirname(folder) !== folder) return await freeDiskBytes(dirname(folder))
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
