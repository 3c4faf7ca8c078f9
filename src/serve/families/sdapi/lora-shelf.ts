import { resolve } from 'node:path'
import type { LoraChoice } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { fetchHubFile, parseHubFileName } from '../../../models/hub/fetch-file.ts'
import { listLoras, readLoraMetadata } from '../../../models/list-loras.ts'
import { readLoraNotes } from '../../../models/lora-notes.ts'
import type { Services } from '../../services.ts'
import { addFromCivitai } from './add-from-civitai.ts'
import { describeLora, type ShelvedLora, toKey } from './describe-lora.ts'

/** The LoRAs of the family: the files of the LoRA folder, and files of the hub that an admin added. */
export class LoraShelf {
  readonly #services: Services
  readonly #added = new Map<string, ShelvedLora>()
  /** Additions come one after the other, so that none is fetched twice. */
  #adding: Promise<unknown> = Promise.resolve()

  constructor(services: Services) {
    this.#services = services
  }

  /** The files of a name; none for an unknown one, which the origin ignores. */
  async find(name: string | undefined): Promise<LoraChoice[]> {
    const found = name === undefined ? undefined : (await this.#list()).get(toKey(name))
    return found ? [{ path: found.path, weight: 1 }] : []
  }

  /**
   * Puts a LoRA on the shelf and says what was done; nothing when it was there already. `org/name` is a repository of the hub, a
   * number a model of Civitai, anything else what Civitai is searched for.
   */
  async add(name: string, signal: AbortSignal): Promise<string> {
    const turn = this.#adding.then(() => this.#addNow(name, signal))
    this.#adding = turn.catch(() => undefined)
    return await turn
  }

  async #addNow(name: string, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted()
    const key = toKey(name)
    if (key === '') throw invalid('name must say which LoRA to add: a hub id such as org/name, or a number or words for Civitai.')
    const list = await this.#list()
    if (list.has(key) || [...list.values()].some(({ notes }) => notes?.modelId === name)) return ''
    if (parseHubFileName(name)) return await this.#addFromHub(name, key, signal)
    const folder = this.#services.settings.loraDir
    if (folder === undefined) {
      throw invalid(
        `something did go wrong with model ${name}! Files of Civitai need a folder; start the server with --lora_dir.`,
      )
    }
    const shelf = { folder: resolve(folder), knows: (other: string) => list.has(other) }
    return await addFromCivitai(this.#services.settings, name, shelf, signal)
  }

  /** Every LoRA in the origin's words. */
  async describe(): Promise<Record<string, object>> {
    const entries = [...(await this.#list())].map(([key, lora]) => [key, describeLora(lora)] as const)
    return Object.fromEntries(entries)
  }

  async #addFromHub(name: string, key: string, signal: AbortSignal): Promise<string> {
    try {
      const path = await fetchHubFile(name, this.#services.settings, { signal })
      this.#added.set(key, { source: name, path, metadata: await readLoraMetadata(path) })
      return `added ${key} from the hub`
    } catch (error) {
      if (!(error instanceof DiffgentorError)) throw error
      const code = error.code === 'model_not_found' ? 'invalid_request' : error.code
      throw new DiffgentorError(code, `something did go wrong with model ${name}! ${error.message}`, {
        cause: error,
        field: 'name',
      })
    }
  }

  async #list(): Promise<Map<string, ShelvedLora>> {
    const { loraDir } = this.#services.settings
    if (loraDir === undefined) return new Map(this.#added)
    const own = (await listLoras(loraDir)).map(async ({ name, file, path, metadata }): Promise<[string, ShelvedLora]> => {
      return [toKey(name), { source: file, path, metadata, notes: await readLoraNotes(path) }]
    })
    return new Map([...this.#added, ...(await Promise.all(own))])
  }
}

function invalid(message: string): DiffgentorError {
  return new DiffgentorError('invalid_request', message, { field: 'name' })
}
