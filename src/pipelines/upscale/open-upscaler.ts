import type { CallContext } from '../../contract/index.ts'
import { readCheckedGraph } from '../folder/read-signature.ts'
import type { GraphStore } from '../graphs/graph-store.ts'
import { Upscaler } from './upscaler.ts'

/** Loads a super-resolution graph from its file. */
export async function openUpscaler(file: string, store: GraphStore, context: CallContext): Promise<Upscaler> {
  const { signature } = await readCheckedGraph(file)
  return await store.get({ signature, name: 'upscaler', stage: 'upscale', wrap: (session) => new Upscaler(session), context })
}
