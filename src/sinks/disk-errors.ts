import { DiffgentorError, type ErrorCode } from '../errors.ts'

const SENTENCES: Readonly<Record<string, { code: ErrorCode; say: (what: string) => string }>> = {
  ENOSPC: {
    code: 'disk_full',
    say: (what) => `The disk is full: ${what} cannot be written; make space and start the same command again.`,
  },
  EDQUOT: {
    code: 'disk_full',
    say: (what) => `The disk quota is used up: ${what} cannot be written; make space and start the same command again.`,
  },
  EFBIG: {
    code: 'disk_full',
    say: (what) => `${what} would pass the largest file size allowed here; raise the limit and start the same command again.`,
  },
  ENOENT: {
    code: 'not_writable',
    say: (what) => `${what} cannot be written: its folder does not exist and cannot be made; choose another folder.`,
  },
  EACCES: {
    code: 'not_writable',
    say: (what) => `${what} cannot be written: permission denied; choose another folder or change its permissions.`,
  },
  EPERM: {
    code: 'not_writable',
    say: (what) => `${what} cannot be written: the system does not permit it; choose another folder.`,
  },
  EROFS: {
    code: 'not_writable',
    say: (what) => `${what} cannot be written: the file system is read-only; choose another folder.`,
  },
  EIO: {
    code: 'not_writable',
    say: (what) => `${what} cannot be written: the disk reports an input/output error; check the disk.`,
  },
  EMFILE: {
    code: 'not_writable',
    say: (what) => `${what} cannot be written: too many files are open; raise the limit (ulimit -n).`,
  },
  ENFILE: { code: 'not_writable', say: (what) => `${what} cannot be written: the system has too many files open.` },
  ENOTDIR: {
    code: 'invalid_output_name',
    say: (what) => `${what} cannot be written: a part of its path is a file, not a folder.`,
  },
  EEXIST: {
    code: 'invalid_output_name',
    say: (what) => `${what} cannot be written: a part of its path is a file, not a folder.`,
  },
  EISDIR: { code: 'invalid_output_name', say: (what) => `${what} cannot be written: a folder has that name already.` },
  ENOTEMPTY: { code: 'invalid_output_name', say: (what) => `${what} cannot be written: a folder has that name already.` },
  ENAMETOOLONG: {
    code: 'invalid_output_name',
    say: (what) => `${what} cannot be written: the name is too long for the file system.`,
  },
  ELOOP: { code: 'invalid_output_name', say: (what) => `${what} cannot be written: its path is a loop of links.` },
  EINVAL: { code: 'invalid_output_name', say: (what) => `${what} cannot be written: the file system does not take that name.` },
}

/** Turns a failed file call into one sentence about what could not be written. */
export function toDiskError(thrown: unknown, what: string): DiffgentorError {
  if (thrown instanceof DiffgentorError) return thrown
  const errno = (thrown as NodeJS.ErrnoException).code ?? ''
  const known = SENTENCES[errno]
  if (known) return new DiffgentorError(known.code, known.say(what), { cause: thrown })
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new DiffgentorError('not_writable', `${what} cannot be written: ${reason}.`, { cause: thrown })
}
