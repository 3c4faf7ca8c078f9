import type { InferenceSession } from 'onnxruntime-node'
import type { ExecutionProvider } from './execution-providers.ts'
import type { GraphSource } from './graph-source.ts'

/** How graphs are loaded and run. */
export interface SessionOptions {
  /** In order of preference. Default: the CPU. */
  executionProviders?: readonly ExecutionProvider[] | undefined
  intraOpThreads?: number | undefined
  interOpThreads?: number | undefined
  /** Default true. */
  allowSpinning?: boolean | undefined
  /** Default `all`. */
  optimizationLevel?: 'disabled' | 'basic' | 'extended' | 'all' | undefined
  /**
   * Turn stored integer weights into floats at load. Otherwise the runtime may round activations to integers as well, which is neither what
   * the graph says nor faster for image models. Default false.
   */
  dequantizeWeights?: boolean | undefined
  /**
   * Leave weights where they lie in their files, in the form that they have there: next to no memory of their own, somewhat slower, and other
   * last bits than with weights packed in memory. Half precision is expanded in memory all the same. Default false.
   */
  mapWeights?: boolean | undefined
  /** Write the optimized graph here, its weights beside it as `<name>.data`, with `packed` also in the form that is packed for this processor. */
  saveOptimizedAs?: { file: string; packed: boolean } | undefined
}

/** Translates into the runtime's own options; those under `extra` must be strings. */
export function toRuntimeOptions(options: SessionOptions, source: GraphSource): InferenceSession.SessionOptions {
  const session: Record<string, unknown> = {}
  if (options.allowSpinning === false) {
    session['intra_op'] = { allow_spinning: '0' }
    session['inter_op'] = { allow_spinning: '0' }
  }
  if (typeof source !== 'string') session['model_external_initializers_file_folder_path'] = source.dataFolder
  if (options.dequantizeWeights) session['disable_quant_qdq'] = '1'
  if (options.mapWeights) session['disable_prepacking'] = '1'
  if (options.saveOptimizedAs) {
    session['optimized_model_external_initializers_file_name'] = `${fileName(options.saveOptimizedAs.file)}.data`
    session['optimized_model_external_initializers_min_size_in_bytes'] = '1024'
    if (options.saveOptimizedAs.packed) session['save_external_prepacked_constant_initializers'] = '1'
  }
  return {
    executionProviders: [...(options.executionProviders ?? [{ name: 'cpu' }])] as InferenceSession.ExecutionProviderConfig[],
    // The last level lays out the weights of convolutions anew, in memory.
    graphOptimizationLevel: options.optimizationLevel ?? (options.mapWeights ? 'extended' : 'all'),
    executionMode: (options.interOpThreads ?? 1) > 1 ? 'parallel' : 'sequential',
    interOpNumThreads: options.interOpThreads ?? 1,
    logSeverityLevel: 3,
    ...(options.intraOpThreads === undefined ? {} : { intraOpNumThreads: options.intraOpThreads }),
    ...(options.saveOptimizedAs === undefined ? {} : { optimizedModelFilePath: options.saveOptimizedAs.file }),
    ...(Object.keys(session).length === 0 ? {} : { extra: { session } }),
  }
}

function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)
}
