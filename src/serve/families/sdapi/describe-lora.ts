import type { LoraNotes } from '../../../models/lora-notes.ts'

/** A LoRA that requests may name. */
export interface ShelvedLora {
  /** Where it came from: a path inside the LoRA folder, or a hub id. */
  source: string
  path: string
  /** What its training program left in the file. */
  metadata: Readonly<Record<string, string>>
  /** What is known of it beside the file. */
  notes?: LoraNotes | undefined
}

/** Words that the most captions of the training pictures had are what calls a LoRA. */
const TRIGGER_WORDS = 5

/** The origin's key: ASCII, lower case, blanks as underscores, letters and digits only. */
export function toKey(name: string): string {
  return name
    .toLowerCase()
    .trim()
    .replace(/\s+/g, '_')
    .replace(/[^a-z0-9_]/g, '')
}

/** A LoRA in the origin's words. */
export function describeLora({ source, metadata, notes }: ShelvedLora): object {
  return {
    model_id: notes?.modelId || metadata.ss_output_name || source,
    base_model: notes?.baseModel || metadata.ss_base_model_version || metadata['modelspec.architecture'] || '',
    lora_path: source,
    'trigger words': notes?.triggerWords ?? readTriggerWords(metadata),
    allow_no_mention: notes?.allowNoMention ?? true,
    usage_rights: notes?.usageRights ?? metadata['modelspec.license'] ?? '',
  }
}

/** From the training program's count of captions; empty when it left none. */
function readTriggerWords(metadata: ShelvedLora['metadata']): string[] {
  const told = metadata['modelspec.trigger_phrase']
  if (told) return [told]
  try {
    const counts: unknown = JSON.parse(metadata.ss_tag_frequency ?? '{}')
    const tags = Object.values(counts as Record<string, Record<string, number>>).flatMap((folder) => Object.entries(folder))
    return [...new Set(tags.sort(([, a], [, b]) => b - a).map(([tag]) => tag.trim()))].slice(0, TRIGGER_WORDS)
  } catch {
    return []
  }
}
