import { realpath } from 'node:fs/promises'
import { dirname, parse, relative, resolve, sep } from 'node:path'
import { DiffgentorError } from '../errors.ts'
import { checkExternalData } from './external-data.ts'
import { describeGraph } from './graph-signature.ts'
import type { OnnxModel } from './onnx-model.ts'
import { locateTensor } from './read-tensor.ts'

/** A changed model that ONNX Runtime can load from memory; its weights stay where they are on disk. */
export interface PatchedProto {
  proto: Uint8Array
  /** For `session.model_external_initializers_file_folder_path`: every data file is named relative to it. */
  dataFolder: string
}

/**
 * Writes a changed model without copying its weights: tensors in data files, in the model file itself or in side files become external tensors
 * named from the root of the file system. Since the runtime no longer guards such paths, they are checked here first.
 *
 * @param allowedRoots further folders in which the model's own data files may really lie
 */
export async function encodePatched(model: OnnxModel, allowedRoots: readonly string[] = []): Promise<PatchedProto> {
  if (model.file !== undefined) {
    await checkExternalData(dirname(model.file), describeGraph(model, model.file), allowedRoots)
  }
  const dataFolder = parse(resolve(model.file ?? '.')).root
  const realPaths = new Map<string, string>()
  for (const tensor of model.initializers.values()) {
    const span = locateTensor(model, tensor)
    if (span === undefined) continue
    const realPath = realPaths.get(span.file) ?? (await realpath(span.file))
    realPaths.set(span.file, realPath)
    tensor.setExternal(nameFrom(dataFolder, realPath), span.offset, span.length)
  }
  return { proto: model.encode(), dataFolder }
}

function nameFrom(root: string, file: string): string {
  const name = relative(root, file)
  if (parse(file).root !== root) {
    throw new DiffgentorError(
      'unsupported',
      `${file} must lie on the same drive as the model (${root}); choose another cache folder.`,
    )
  }
  return name.split(sep).join('/')
}
