import { realpath } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'

const ENDING = '.safetensors'

/** The real path of a `.safetensors` file inside a folder, named with or without its ending; undefined when it is not there or outside. */
export async function findInside(root: string, name: string): Promise<string | undefined> {
  const realRoot = await realpath(root).catch(() => undefined)
  if (realRoot === undefined || name.includes('\0')) return undefined
  const asked = isAbsolute(name) ? name : join(realRoot, name)
  for (const candidate of [asked, `${asked}${ENDING}`]) {
    const real = await realpath(candidate).catch(() => undefined)
    if (real === undefined || !real.endsWith(ENDING)) continue
    const inside = relative(realRoot, real)
    if (!inside.startsWith('..') && !isAbsolute(inside)) return real
  }
  return undefined
}
