import { DiffgentorError } from '../../errors.ts'

/** A file of a repository, as the hub lists it. */
export interface HubFile {
  /** Inside the repository, with `/` between folders. */
  path: string
  /** In bytes. */
  size: number
  /** Its content's name in the cache: the SHA-256 of a large file, git's object id of any other. */
  blob: string
  digest: 'sha256' | 'git-sha1'
}

const DIGEST_FORMS = { sha256: /^[0-9a-f]{64}$/, 'git-sha1': /^[0-9a-f]{40}$/ } as const

/** Reads one page of a listing; folders are left out. Throws `model_unreadable` for paths that would leave the folder, and for what is no listing. */
export function readListing(repository: string, page: unknown): HubFile[] {
  if (!Array.isArray(page)) throw strangeListing(repository)
  return page.filter((entry) => isRecord(entry) && entry['type'] === 'file').map((entry) => readFileEntry(repository, entry))
}

function readFileEntry(repository: string, entry: Record<string, unknown>): HubFile {
  const { path } = entry
  const lfs = isRecord(entry['lfs']) ? entry['lfs'] : undefined
  const digest = lfs ? 'sha256' : 'git-sha1'
  const blob = lfs ? lfs['oid'] : entry['oid']
  const size = lfs?.['size'] ?? entry['size']
  if (typeof path !== 'string' || typeof blob !== 'string' || !DIGEST_FORMS[digest].test(blob)) throw strangeListing(repository)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) throw strangeListing(repository)
  if (!staysInside(path)) {
    throw new DiffgentorError(
      'model_unreadable',
      `The repository ${repository} lists the file ${JSON.stringify(path)}, which would lie outside its folder; nothing of it is downloaded.`,
    )
  }
  return { path, size, blob, digest }
}

/** Whether a path from elsewhere names something below a folder, on every system. */
function staysInside(path: string): boolean {
  if (/[\0\\]|^[A-Za-z]:/.test(path)) return false
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}

function strangeListing(repository: string): DiffgentorError {
  return new DiffgentorError('upstream_unavailable', `The hub answered with something that is no listing of ${repository}.`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
