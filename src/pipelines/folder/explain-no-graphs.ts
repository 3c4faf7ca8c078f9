import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DiffgentorError } from '../../errors.ts'

const PYTORCH_WEIGHTS = /\.(safetensors|bin|ckpt|pt|msgpack)$/

/** Pipeline classes that optimum does not export by their names; the script in tools/export does. */
const OWN_EXPORT = /^(Flux2|QwenImage|ZImage|PixArt|UniDiffuser|Wan|StableDiffusionUpscale|StableDiffusionInstructPix2Pix)/

/** Why a folder without graphs cannot be drawn with: PyTorch weights want an export first, by a command that is named. */
export async function explainNoGraphs(folder: string, root: string): Promise<DiffgentorError> {
  const names = await readdir(folder, { recursive: true }).catch((): string[] => [])
  if (!names.some((name) => PYTORCH_WEIGHTS.test(name))) {
    return new DiffgentorError(
      'model_unreadable',
      `The folder ${folder} holds no ONNX graph (no *.onnx file in unet, transformer, vae_decoder …).`,
    )
  }
  const index = await readFile(join(root, 'model_index.json'), 'utf8').catch(() => '')
  return new DiffgentorError(
    'model_unreadable',
    `The folder ${folder} holds PyTorch weights and no ONNX graphs; ${adviseExport(folder, index)}.`,
  )
}

/** How to make graphs of a model with PyTorch weights, as a clause. `index` is the text of its `model_index.json`. */
export function adviseExport(model: string, index: string, place: 'folder' | 'hub' = 'folder'): string {
  const className = /"_class_name"\s*:\s*"(\w+)"/.exec(index)?.[1] ?? ''
  if (!OWN_EXPORT.test(className)) {
    return `export them with "optimum-cli export onnx --model ${model} OUTPUT_FOLDER" (Python package optimum-onnx) and give OUTPUT_FOLDER`
  }
  // Our script reads folders only.
  const folder = place === 'folder' ? model : 'MODEL_FOLDER'
  const fetch = place === 'folder' ? '' : `get them with "hf download ${model} --local-dir ${folder}", `
  return `${fetch}export them with "python tools/export/export_onnx.py ${folder} OUTPUT_FOLDER" (see tools/export/README.md) and give OUTPUT_FOLDER`
}
