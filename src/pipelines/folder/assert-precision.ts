import { DiffgentorError } from '../../errors.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { StoredPrecision } from '../pipeline.ts'
import { listGraphFiles } from './graph-files.ts'

/** Makes sure that the denoiser chosen for a precision has it; the error names the precisions that are stored. */
export async function assertPrecision(wanted: StoredPrecision, root: string, chosen: GraphSignature): Promise<void> {
  const graphs = await listGraphFiles(root)
  const files = graphs.get('transformer') ?? graphs.get('unet') ?? []
  // A name that does not tell leaves it to the weights.
  const ofWeights = precisionOfWeights(chosen)
  const ofChosen = files.find(({ path }) => path === chosen.file)?.precision ?? ofWeights
  if (ofChosen === wanted) return
  const stored = [...new Set([...files.map(({ precision }) => precision ?? ofWeights), ofChosen])].join(', ')
  throw new DiffgentorError(
    'invalid_configuration',
    `The model is stored in ${stored}, not in ${wanted}; leave --torch_dtype out or name what is stored.`,
    { field: 'torch_dtype' },
  )
}

/** The type in which most of the weights are. */
function precisionOfWeights({ initializerBytes }: GraphSignature): StoredPrecision {
  const [largest] = Object.entries(initializerBytes).sort(([, a], [, b]) => b - a)
  switch (largest?.[0]) {
    case 'float16':
    case 'bfloat16':
      return largest[0]
    case 'int8':
    case 'uint8':
      return 'int8'
    case 'int4':
    case 'uint4':
      return 'int4'
    default:
      return 'float32'
  }
}
