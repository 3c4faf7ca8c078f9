import { readFile, writeFile } from 'node:fs/promises'

/** What is known of a LoRA beside its file, kept in a file of the same name. */
export interface LoraNotes {
  /** The model's number where it came from. */
  modelId: string
  baseModel: string
  triggerWords: string[]
  allowNoMention: boolean
  usageRights: string
}

/** Keeps notes beside a LoRA file. */
export async function writeLoraNotes(lora: string, notes: LoraNotes): Promise<void> {
  await writeFile(pathOfNotes(lora), `${JSON.stringify(notes, undefined, 2)}\n`)
}

/** The notes beside a LoRA file; undefined where there are none that can be read. */
export async function readLoraNotes(lora: string): Promise<LoraNotes | undefined> {
  try {
    const notes = JSON.parse(await readFile(pathOfNotes(lora), 'utf8')) as Partial<LoraNotes>
    const { modelId, baseModel, triggerWords, allowNoMention, usageRights } = notes
    return {
      modelId: String(modelId ?? ''),
      baseModel: String(baseModel ?? ''),
      triggerWords: Array.isArray(triggerWords) ? triggerWords.map(String) : [],
      allowNoMention: allowNoMention === true,
      usageRights: String(usageRights ?? ''),
    }
  } catch {
    return undefined
  }
}

function pathOfNotes(lora: string): string {
  return lora.replace(/\.safetensors$/, '.notes.json')
}
