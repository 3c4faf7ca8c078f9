import { join } from 'node:path'
import { DiffgentorError } from '../../../errors.ts'
import { CivitaiClient, type CivitaiSettings } from '../../../models/civitai/civitai-client.ts'
import type { CivitaiLora } from '../../../models/civitai/civitai-lora.ts'
import { writeLoraNotes } from '../../../models/lora-notes.ts'
import { toKey } from './describe-lora.ts'

/** What LoRAs may be trained on, in Civitai's words. */
const BASE_MODELS: readonly string[] = ['SD 1.5', 'SD 2.0', 'SD 2.1', 'SDXL 1.0', 'Flux.1 D']

/**
 * Downloads a LoRA of Civitai into a folder and says what was done: nothing for one whose key is known, the origin's sentence for
 * one that is not there or that was trained on something else. Digits are a model's number, other names are searched for.
 */
export async function addFromCivitai(
  settings: CivitaiSettings,
  name: string,
  shelf: { folder: string; knows: (key: string) => boolean },
  signal: AbortSignal,
): Promise<string> {
  try {
    await using client = new CivitaiClient(settings, signal)
    const lora = await (/^\d+$/.test(name) ? client.findById(name) : client.search(name))
    if (!lora || !BASE_MODELS.includes(lora.baseModel)) return tellFault(lora ? String(lora.id) : name)
    const key = toKey(lora.name) || `civitai_${lora.id}`
    if (shelf.knows(key)) return ''
    const path = join(shelf.folder, `${key}.safetensors`)
    await client.download(lora.file, path)
    await writeLoraNotes(path, takeNotes(lora))
    return `added ${key} from Civitai, model ${lora.id} for ${lora.baseModel}`
  } catch (error) {
    if (!(error instanceof DiffgentorError)) throw error
    throw new DiffgentorError(error.code, `${tellFault(name)} ${error.message}`, { cause: error, field: 'name' })
  }
}

function tellFault(name: string): string {
  return `something did go wrong with model ${name}!`
}

function takeNotes({ id, baseModel, triggerWords, allowNoMention, usageRights }: CivitaiLora) {
  return { modelId: String(id), baseModel, triggerWords, allowNoMention, usageRights }
}
