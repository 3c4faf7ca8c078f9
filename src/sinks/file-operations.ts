import fs from 'node:fs'

/** The file calls that writing needs, so that tests can play a full or broken disk. */
export interface FileOperations {
  open: typeof fs.open
  write: typeof fs.write
  fdatasync: typeof fs.fdatasync
  close: typeof fs.close
  rename: typeof fs.rename
  unlink: typeof fs.unlink
  ftruncate: typeof fs.ftruncate
}

export const NODE_FILES: FileOperations = fs
