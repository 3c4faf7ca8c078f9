import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { toDiskError } from './disk-errors.ts'

/**
 * Makes a folder and those above it. Node's own recursive way never returns where the system answers ENOENT below a folder
 * that exists, as /proc and automounted folders do. Throws the system's own error.
 */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
    const parent = dirname(path)
    if (code !== 'ENOENT' || existsSync(parent)) throw error
    makeFolder(parent)
    makeFolder(path)
  }
}

/** Makes the output folder of a command where it is missing; returns its real path. Throws `not_writable`. */
export function makeOutputFolder(path: string): string {
  try {
    makeFolder(path)
    return realpathSync(path)
  } catch (error) {
    // Here the folder is at fault, not a row's name, so nothing can start.
    const { message } = toDiskError(error, `The output folder ${path}`)
    throw new DiffgentorError('not_writable', message, { cause: error })
  }
}
