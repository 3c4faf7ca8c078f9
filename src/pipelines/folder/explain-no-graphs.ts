import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DiffgentorError } from '../../errors.ts'

const PYTORCH_WEIGHTS = /\.(safetensors|bin|ckpt|pt|msgpack)$/

/** Pipeline classes that optimum cannot export; the script in tools/export can. */
const OWN_EXPORT = /^(Flux2|QwenImage|ZImage|PixArt|UniDiffuser|Wan)/

/** Why a folder without graphs cannot be drawn with: PyTorch weights want an export first, by a command that is named. */
export async function explainNoGraphs(folder: string, root: string): Promise<DiffgentorError> {
  const names = await readdir(folder, { recursive: true }).catch((): string[] => [])
  if (!names.some((name) => PYTORCH_WEIGHTS.test(name))) {
    return new DiffgentorError(
      'model_unreadable',
      `The folder ${folder} holds no ONNX graph (no *.onnx file in unet, transformer, vae_decoder …).`,
    )
  }
  const command = OWN_EXPORT.test(await readClassName(root))
    ? `"python tools/export/export_onnx.py ${folder} OUTPUT_FOLDER" (see tools/export/README.md)`
    : `"optimum-cli export onnx --model ${folder} OUTPUT_FOLDER" (Python package optimum-onnx)`
  return new DiffgentorError(
    'model_unreadable',
    `The folder ${folder} holds PyTorch weights and no ONNX graphs; export them with ${command} and give OUTPUT_FOLDER.`,
  )
}

async function readClassName(root: string): Promise<string> {
  const text = await readFile(join(root, 'model_index.json'), 'utf8').catch(() => '')
  return /"_class_name"\s*:\s*"(\w+)"/.exec(text)?.[1] ?? ''
}
