import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { LoraChoice } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { findInHubCache, parseHubId } from '../../../models/hub-cache.ts'
import { listLoras } from '../../../models/list-loras.ts'
import type { Services } from '../../services.ts'

/** A LoRA that requests may name. */
interface ShelvedLora {
  /** Where it came from: a path inside the LoRA folder, or a hub id. */
  source: string
  path: string
  metadata: Readonly<Record<string, string>>
}

/** Words that the most captions of the training pictures had are what calls a LoRA. */
const TRIGGER_WORDS = 5

/** The LoRAs of the family: the files of the LoRA folder, and downloads of the hub that an admin added. */
export class LoraShelf {
  readonly #services: Services
  readonly #added = new Map<string, ShelvedLora>()

  constructor(services: Services) {
    this.#services = services
  }

  /** The files of a name; none for an unknown one, which the origin ignores. */
  async find(name: string | undefined): Promise<LoraChoice[]> {
    const found = name === undefined ? undefined : (await this.#list()).get(toKey(name))
    return found ? [{ path: found.path, weight: 1 }] : []
  }

  /** Puts a LoRA on the shelf and says what was done; nothing when it was there already. Throws when it is not on this machine. */
  async add(name: string): Promise<string> {
    const key = toKey(name)
    if (key === '') throw invalid('name must say which LoRA to add: a hub id such as org/name.')
    if ((await this.#list()).has(key)) return ''
    if (/^\d+$/.test(name)) {
      throw invalid(
        `something did go wrong with model ${name}! This server downloads nothing from Civitai; put the file into the folder that --lora_dir names.`,
      )
    }
    const found = await this.#findInCache(name)
    this.#added.set(key, found)
    return `added ${key} from the hub cache`
  }

  /** Every LoRA in the origin's words. */
  async describe(): Promise<Record<string, object>> {
    const entries = [...(await this.#list())].map(([key, lora]) => [key, describeLora(lora)] as const)
    return Object.fromEntries(entries)
  }

  async #list(): Promise<Map<string, ShelvedLora>> {
    const { loraDir } = this.#services.settings
    const files = loraDir === undefined ? [] : await listLoras(loraDir)
    const own = files.map(({ name, file, metadata }): [string, ShelvedLora] => [
      toKey(name),
      { source: file, path: join(resolve(loraDir!), file), metadata },
    ])
    return new Map([...this.#added, ...own])
  }

  async #findInCache(name: string): Promise<ShelvedLora> {
    const hubId = parseHubId(name)
    const folder = hubId && (await findInHubCache(hubId, this.#services.settings))
    const files = folder === undefined ? [] : await readdir(folder)
    const file = files.sort().find((entry) => entry.endsWith('.safetensors'))
    if (folder !== undefined && file !== undefined) {
      const listed = (await listLoras(folder)).find((lora) => lora.file === file)
      return { source: name, path: join(folder, file), metadata: listed?.metadata ?? {} }
    }
    throw invalid(
      hubId
        ? `something did go wrong with model ${name}! It is not in the hub cache and this server downloads nothing; fetch it with "hf download ${name}".`
        : `There is no LoRA "${name}" in the folder that --lora_dir names, and this server searches no other place.`,
    )
  }
}

/** The origin's key: ASCII, lower case, blanks as underscores, letters and digits only. */
export function toKey(name: string): string {
  return name
    .toLowerCase()
    .trim()
    .replace(/\s+/g, '_')
    .replace(/[^a-z0-9_]/g, '')
}

function describeLora({ source, metadata }: ShelvedLora): object {
  return {
    model_id: metadata.ss_output_name ?? source,
    base_model: metadata.ss_base_model_version ?? metadata['modelspec.architecture'] ?? '',
    lora_path: source,
    'trigger words': readTriggerWords(metadata),
    allow_no_mention: true,
    usage_rights: metadata['modelspec.license'] ?? '',
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

function invalid(message: string): DiffgentorError {
  return new DiffgentorError('invalid_request', message, { field: 'name' })
}
