import type { GraphSignature } from './graph-signature.ts'

/** Operator domains that ONNX Runtime knows without being given a library. */
const KNOWN_DOMAINS = new Set([
  '',
  'ai.onnx.ml',
  'ai.onnx.preview',
  'com.microsoft',
  'com.microsoft.nchwc',
  'com.ms.internal.nhwc',
])

/** Types of `com.microsoft` for which ONNX Runtime has kernels on GPUs only (docs/OperatorKernels.md of the runtime). */
const GPU_ONLY = new Set([
  'BiasAdd',
  'BiasSplitGelu',
  'DecoderMaskedSelfAttention',
  'GatedRelativePositionBias',
  'GemmFastGelu',
  'GemmFloat8',
  'GroupNorm',
  'LongformerAttention',
  'NhwcConv',
  'PackedAttention',
  'PackedMultiHeadAttention',
  'PagedAttention',
  'QOrderedAttention',
  'QOrderedMatMul',
  'RemovePadding',
  'RestorePadding',
  'SkipGroupNorm',
])

/** Element types that no CPU kernel of the runtime multiplies and that JavaScript cannot hand over. */
const UNUSABLE_TYPE = /^(bfloat16|float8|float4|complex)/

export interface RunnableOptions {
  /** Where the graph is to run. Default `cpu`. */
  device?: 'cpu' | 'gpu' | undefined
}

/** Why this graph cannot run here, as one sentence; undefined when nothing speaks against it. */
export function whyNotRunnable(signature: GraphSignature, { device = 'cpu' }: RunnableOptions = {}): string | undefined {
  const { file, operators, inputs, outputs, initializerBytes } = signature
  const foreign = [...operators.keys()].find((domain) => !KNOWN_DOMAINS.has(domain))
  if (foreign !== undefined) {
    const types = [...(operators.get(foreign) ?? [])].slice(0, 3).join(', ')
    return `${file} uses operators of the domain ${foreign} (${types}) that ONNX Runtime does not have; use an export without custom operators.`
  }
  const gpuOnly = [...(operators.get('com.microsoft') ?? [])].filter((type) => GPU_ONLY.has(type))
  if (device === 'cpu' && gpuOnly.length > 0) {
    return `${file} was optimized for GPUs and uses ${gpuOnly.slice(0, 3).join(', ')}, which cannot run on the CPU; use the plain ONNX export.`
  }
  const value = [...inputs, ...outputs].find(({ dtype }) => UNUSABLE_TYPE.test(dtype))
  if (value !== undefined) {
    return `${file} has ${value.name} in ${value.dtype}, which cannot be fed from here; use a float32 or float16 export.`
  }
  const weights = Object.keys(initializerBytes).find((dtype) => UNUSABLE_TYPE.test(dtype))
  if (device === 'cpu' && weights !== undefined) {
    return `${file} keeps its weights in ${weights}, which cannot run on the CPU; use a float32, float16 or int8 export.`
  }
  return undefined
}
