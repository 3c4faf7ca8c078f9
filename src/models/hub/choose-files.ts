import { posix } from 'node:path'
import { readGraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { HubFile } from './hub-file.ts'

/** Everything beside graphs that a model is read from. */
const CONFIGURATION =
  /^(model_index|amuse_template|config|generation_config|scheduler_config|preprocessor_config|tokenizer|tokenizer_config|vocab|special_tokens_map|added_tokens)\.json$|^merges\.txt$|^(spiece|tokenizer)\.model$|^chat_template/
/** Weights of other programs, which no graph names. */
const FOREIGN_WEIGHTS = /\.(safetensors|bin|msgpack|ckpt|pt|pth|h5|xml|ot|gguf)$/
const PYTORCH_WEIGHTS = /\.(safetensors|bin|ckpt|pt|pth)$/

/** Configurations and vocabularies. */
export function chooseConfigurations(listed: readonly HubFile[]): HubFile[] {
  return listed.filter(({ path }) => CONFIGURATION.test(posix.basename(path)))
}

export function holdsPytorchWeights(listed: readonly HubFile[]): boolean {
  return listed.some(({ path }) => PYTORCH_WEIGHTS.test(path))
}

/** Whether files lie beside a graph that may hold its weights; only the graph itself can tell. */
export function mayHaveData(graph: HubFile, listed: readonly HubFile[]): boolean {
  const folder = `${posix.dirname(graph.path)}/`
  return listed.some(({ path }) => {
    const isBeside = `${posix.dirname(path)}/`.startsWith(folder) || folder === './'
    return isBeside && !path.endsWith('.onnx') && !isSmallText(path) && !FOREIGN_WEIGHTS.test(path)
  })
}

function isSmallText(path: string): boolean {
  return (
    CONFIGURATION.test(posix.basename(path)) || /\.(json|md|txt|py|png|jpe?g|webp|gif)$|(^|\/)\.git|(^|\/)LICENSE/i.test(path)
  )
}

/** The data files that a graph names, among those that the repository has. `content` is where the graph lies on this machine. */
export async function readDataFiles(graph: HubFile, content: string, listed: readonly HubFile[]): Promise<HubFile[]> {
  const { external } = await readGraphSignature(content)
  const paths = new Set(external.map(({ location }) => posix.join(posix.dirname(graph.path), location)))
  return listed.filter(({ path }) => paths.has(path))
}
