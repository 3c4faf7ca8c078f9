import { type FileOperations, NODE_FILES } from './file-operations.ts'

/**
 * Writes a whole file: to `part` in the same folder, flushed to the disk, then renamed to `path`. Under its final name the
 * file is the old one or the new one, never half of either. A part file that could not be finished is removed. Rejects with the system's own error.
 */
export function writeDurably(path: string, part: string, bytes: Uint8Array, files: FileOperations = NODE_FILES): Promise<void> {
  return new Promise((resolve, reject) => {
    // Callbacks, not promises: this runs once a picture, and file handles cost as much as the calls themselves.
    const discard = (error: unknown) => files.unlink(part, () => reject(error))
    files.open(part, 'wx', 0o666, (openError, fd) => {
      if (openError) return reject(openError)
      const closeAfter = (error: unknown) => files.close(fd, () => discard(error))
      writeAll(files, fd, bytes, (writeError) => {
        if (writeError) return closeAfter(writeError)
        files.fdatasync(fd, (syncError) => {
          if (syncError) return closeAfter(syncError)
          files.close(fd, (closeError) => {
            if (closeError) return discard(closeError)
            files.rename(part, path, (renameError) => (renameError ? discard(renameError) : resolve()))
          })
        })
      })
    })
  })
}

/** Writes all bytes at the end of an open file; one call may take only a part of them. */
export function writeAll(files: FileOperations, fd: number, bytes: Uint8Array, done: (error?: unknown) => void): void {
  files.write(fd, bytes, 0, bytes.length, null, (error, written) => {
    if (error) return done(error)
    if (written < bytes.length) return writeAll(files, fd, bytes.subarray(written), done)
    done()
  })
}
