import { realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import type { ExternalTensor, GraphSignature } from './graph-signature.ts'

/** A data file that a model needs, after its links were followed. */
export interface DataFile {
  /** As the model names it. */
  location: string
  realPath: string
  /** In bytes. */
  size: number
}

/**
 * Checks every data file of a model: it lies inside the model's folder or one of `allowedRoots` once links are followed, it exists, and each
 * tensor's part fits its shape and the file. Rejects with `model_unreadable` otherwise.
 *
 * @param folder the folder of the model file
 * @param allowedRoots further folders in which data may really lie, such as a download cache whose files are links
 */
export async function checkExternalData(
  folder: string,
  signature: Pick<GraphSignature, 'file' | 'external'>,
  allowedRoots: readonly string[] = [],
): Promise<DataFile[]> {
  // In a download cache the model is a link itself; what really lies beside it belongs to it.
  const beside = dirname(await realpath(signature.file))
  const roots = [beside, ...(await Promise.all([folder, ...allowedRoots].map((root) => realpath(root))))]
  const files = new Map<string, DataFile>()
  for (const tensor of signature.external) {
    const file = files.get(tensor.location) ?? (await findDataFile(folder, roots, signature.file, tensor.location))
    files.set(tensor.location, file)
    checkPart(signature.file, tensor, file)
  }
  return [...files.values()]
}

/** True when `path` is `root` or lies below it; both must be real, absolute paths. */
function isInside(root: string, path: string): boolean {
  const way = relative(root, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))
}

async function findDataFile(folder: string, roots: readonly string[], model: string, location: string): Promise<DataFile> {
  if (location === '' || location.includes('\0') || isAbsolute(location)) throw escapes(model, location)
  const path = join(folder, location)
  if (!isInside(folder, path)) throw escapes(model, location)
  const realPath = await realpath(path).catch((cause: unknown) => {
    throw new DiffgentorError(
      'model_unreadable',
      `${model} needs the data file ${location}, which is missing; download the model again.`,
      { cause },
    )
  })
  if (!roots.some((root) => isInside(root, realPath))) throw escapes(model, location)
  const stats = await stat(realPath)
  if (!stats.isFile())
    throw new DiffgentorError('model_unreadable', `${model} needs the data file ${location}, which is not a file.`)
  return { location, realPath, size: stats.size }
}

function escapes(model: string, location: string): DiffgentorError {
  return new DiffgentorError(
    'model_unreadable',
    `${model} asks for weights at ${JSON.stringify(location)}, which is outside its own folder; such a model is not loaded.`,
  )
}

function checkPart(model: string, { tensor, offset, length, bytes }: ExternalTensor, { location, size }: DataFile): void {
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0
  const taken = length ?? bytes ?? 0
  if (!isCount(offset) || !isCount(taken)) {
    throw new DiffgentorError('model_unreadable', `${model} gives an impossible place for the tensor ${tensor} in ${location}.`)
  }
  if (bytes !== undefined && taken !== bytes) {
    throw new DiffgentorError(
      'model_unreadable',
      `${model} gives ${taken} bytes to the tensor ${tensor}, whose shape needs ${bytes}.`,
    )
  }
  if (offset + taken > size) {
    throw new DiffgentorError(
      'model_unreadable',
      `${location} ends at byte ${size}, but ${model} places the tensor ${tensor} up to byte ${offset + taken}; download the model again.`,
    )
  }
}
