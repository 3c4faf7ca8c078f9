import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'

/** Path, size and time of change of a graph and its data files: equal states mean that nobody exchanged them. */
export async function readGraphState({ file, external }: GraphSignature): Promise<unknown> {
  const data = new Set(external.map(({ location }) => join(dirname(file), location)))
  return await Promise.all(
    [file, ...data].map(async (path) => {
      const { size, mtimeMs } = await stat(path)
      return [path, size, mtimeMs]
    }),
  )
}
