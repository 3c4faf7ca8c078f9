import { dirname } from 'node:path'
import { DiffgentorError } from '../../errors.ts'
import { checkExternalData } from '../../onnx-proto/external-data.ts'
import { type GraphSignature, readGraphSignature } from '../../onnx-proto/graph-signature.ts'
import { type RunnableOptions, whyNotRunnable } from '../../onnx-proto/runnable.ts'

/** A graph that was found whole and fit for the device. */
export interface CheckedGraph {
  signature: GraphSignature
  /** Absolute paths: the graph, then its data files. */
  files: string[]
}

/** Reads a graph's signature. Rejects when it is torn, lacks data, reaches outside its folder or cannot run on the device. */
export async function readCheckedGraph(file: string, device?: RunnableOptions['device']): Promise<CheckedGraph> {
  const signature = await readGraphSignature(file)
  const reason = whyNotRunnable(signature, { device })
  if (reason) throw new DiffgentorError('unsupported', reason)
  const data = await checkExternalData(dirname(file), signature)
  return { signature, files: [file, ...data.map(({ location }) => `${dirname(file)}/${location}`)] }
}
