import { DiffgentorError } from '../../errors.ts'

/** What a failed write into the hub cache means for the user. */
export function toCacheFault(cause: unknown, folder: string): DiffgentorError {
  const { code, message } = cause as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const sentence = `The disk of the hub cache ${folder} is full; make room and run the same command again, which goes on.`
    return new DiffgentorError('disk_full', sentence, { cause })
  }
  const sentence = `The hub cache ${folder} cannot be written (${code ?? message}); set HF_HOME to a folder of yours.`
  return new DiffgentorError('not_writable', sentence, { cause })
}
