/** A LoRA as Civitai describes it. */
export interface CivitaiLora {
  /** The model's number. */
  id: number
  name: string
  /** Civitai's word for what it was trained on, such as `SD 1.5`. */
  baseModel: string
  triggerWords: string[]
  /** May be used without naming its author. */
  allowNoMention: boolean
  /** What its author allows, in Civitai's words. */
  usageRights: string
  file: CivitaiFile
}

export interface CivitaiFile {
  url: string
  /** SHA-256 of its bytes, in lower case; absent where Civitai does not tell it. */
  sha256: string | undefined
}

/** Kinds of models that are LoRA files. */
const LORA_TYPES: readonly unknown[] = ['LORA', 'LoCon', 'DoRA']

/** Reads one model of Civitai's API; undefined when it is no LoRA with a `.safetensors` file. The newest version counts. */
export function readCivitaiLora(model: unknown): CivitaiLora | undefined {
  if (!isRecord(model) || typeof model.id !== 'number' || !LORA_TYPES.includes(model.type)) return undefined
  const [version] = listOf(model.modelVersions)
  const file = version && readFile(version)
  if (!version || !file) return undefined
  const { allowCommercialUse: rights } = model
  return {
    id: model.id,
    name: String(model.name ?? model.id),
    baseModel: String(version.baseModel ?? ''),
    triggerWords: Array.isArray(version.trainedWords) ? version.trainedWords.map(String) : [],
    allowNoMention: model.allowNoCredit === true,
    usageRights: Array.isArray(rights) ? rights.join(', ') : String(rights ?? ''),
    file,
  }
}

/** The version's main file, or else its first one with weights. */
function readFile(version: Record<string, unknown>): CivitaiFile | undefined {
  const files = listOf(version.files).filter(({ name }) => typeof name === 'string' && name.endsWith('.safetensors'))
  const file = files.find(({ primary }) => primary === true) ?? files[0]
  if (typeof file?.downloadUrl !== 'string') return undefined
  const { SHA256: digest } = isRecord(file.hashes) ? file.hashes : {}
  return { url: file.downloadUrl, sha256: typeof digest === 'string' ? digest.toLowerCase() : undefined }
}

/** The models of a page of search results. */
export function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
