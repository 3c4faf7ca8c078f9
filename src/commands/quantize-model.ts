import { mergeSettings } from '../config/merge-settings.ts'
import { DiffgentorError } from '../errors.ts'
import { findModel } from '../models/find-model.ts'
import type { QuantizationKind } from '../pipelines/quantize/quantize-graph.ts'
import type { QuantizedComponent } from '../pipelines/quantize/quantize-model.ts'
import { formatBytes, formatTable, type Terminal } from './terminal.ts'

export const QUANTIZATION_KINDS: readonly QuantizationKind[] = ['int8-matmul', 'int4-weights']

/** `diffgentor models quantize NAME --output_dir FOLDER`: writes a smaller copy of a model and tells how close it stays. */
export async function printQuantized(terminal: Terminal, args: Record<string, unknown>): Promise<void> {
  const target = args.output_dir
  if (typeof target !== 'string' || target === '') {
    throw new DiffgentorError('invalid_configuration', 'Name a new folder for the quantized model with --output_dir.', {
      field: 'output_dir',
    })
  }
  const { folder } = await findModel(args.name as string | undefined, mergeSettings('t2i', {}).values)
  const { quantizeModel } = await import('../pipelines/quantize/quantize-model.ts')
  const components = await quantizeModel({
    folder,
    target,
    kind: (args.kind ?? QUANTIZATION_KINDS[0]) as QuantizationKind,
    onComponent: (name) => terminal.stderr.write(`Quantizing ${name} …\n`),
  })
  if (args.json) terminal.stdout.write(`${JSON.stringify(components, undefined, 2)}\n`)
  else terminal.stdout.write(describe(components))
}

function describe(components: readonly QuantizedComponent[]): string {
  const rows = components.map(({ name, quantized, bytesBefore, bytesAfter, cosine }) => [
    name,
    quantized,
    formatBytes(bytesBefore),
    formatBytes(bytesAfter),
    cosine.toFixed(4),
  ])
  return formatTable([['component', 'layers', 'before', 'after', 'cosine to the original'], ...rows])
}
