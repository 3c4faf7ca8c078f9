import { resolve } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import type { Services } from '../services.ts'
import { findInside } from './find-inside.ts'

/** A file of weights as a request names it. */
export interface NamedFile {
  /** What it is, with its article: `A LoRA`. */
  what: string
  name: string | undefined
  path: string | undefined
  isAdmin: boolean
  /** The folder that the operator named for such files. */
  folder: string | undefined
}

/**
 * Finds a `.safetensors` file: by name inside the operator's folder, by path there or in the model store, and only for callers who may
 * (else `forbidden`). Undefined when it is not there.
 */
export async function findNamedFile({ settings }: Services, file: NamedFile): Promise<string | undefined> {
  const { what, name, path, isAdmin, folder } = file
  if (path !== undefined && !isAdmin) {
    throw new DiffgentorError(
      'forbidden',
      `${what} may be named by its path only with the admin key, or from this machine while no key is set.`,
    )
  }
  const wanted = path ?? name
  if (wanted === undefined) return undefined
  for (const root of [folder, path === undefined ? undefined : settings.modelsDir]) {
    const found = root === undefined ? undefined : await findInside(resolve(root), wanted)
    if (found !== undefined) return found
  }
  return undefined
}
