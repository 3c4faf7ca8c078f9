import { realpath } from 'node:fs/promises'
import { parse, relative, resolve, sep } from 'node:path'
import { DiffgentorError } from '../errors.ts'
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
 * named from the root of the file system. The runtime does not guard such paths: the caller must have run `checkExternalData`.
 */
export async function encodePatched(model: OnnxModel): Promise<PatchedProto> {
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
