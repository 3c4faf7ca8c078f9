import { DiffgentorError } from '../../../errors.ts'
import { fetchHubFile, parseHubFileName } from '../../../models/hub/fetch-file.ts'
import { checkLoraHead } from '../../../models/list-loras.ts'
import type { ServedModel } from '../../model-pool.ts'
import { readLoras } from '../../requests/lora-choice.ts'
import type { Services } from '../../services.ts'
import type { StandingLora } from '../../standing-loras.ts'
import { LORA_TARGETS, type SetLoraFields } from './lora-fields.ts'

/** What stands before each fault of `set_lora`. */
const PREFIX = 'Failed to set LoRA adapter: '

/** Who names LoRAs. */
export interface LoraCaller {
  /** May name files by their path, and have some downloaded. */
  isAdmin: boolean
  /** Fires when the caller leaves, which ends a download; what came of it stays for the next try. */
  signal: AbortSignal
}

/** Finds the files of the LoRAs that a request names: known ones by nickname, new ones by path. */
export async function readLoraChoice(
  services: Services,
  model: ServedModel,
  fields: SetLoraFields,
  caller: LoraCaller,
): Promise<StandingLora[]> {
  const { backend } = model
  if (!backend.capabilities.diffusion) throw refuse(`the model ${model.id} takes no LoRA files.`)
  checkTargets(PREFIX, fields.target)
  const nicknames = [fields.lora_nickname].flat()
  const paths = spread('lora_path', fields.lora_path, nicknames.length)
  const strengths = spread('strength', fields.strength, nicknames.length)
  const targets = [fields.target ?? []].flat()
  if (Array.isArray(fields.target) && targets.length !== nicknames.length) throw mismatch('target', nicknames.length)
  const known = services.loras.known(model.id)
  const loras: StandingLora[] = []
  for (const [place, nickname] of nicknames.entries()) {
    const path = paths[place] ?? known.get(nickname)?.path
    if (path === undefined) {
      throw refuse(`Adapter ${nickname} not found in the pipeline. Please provide lora_path to load it.`, 'lora_path')
    }
    const cached = known.get(nickname)
    const file = cached?.path === path ? cached.file : await findFile(services, path, caller)
    loras.push({ nickname, path, file, strength: strengths[place] ?? 1 })
  }
  await backend.check?.({
    prompt: '',
    numImages: 1,
    diffusion: { loras: loras.map(({ file, strength }) => ({ path: file, weight: strength })) },
  })
  return loras
}

/** Throws for a part that the protocol does not know, or that our models do not have. */
export function checkTargets(prefix: string, target: string | readonly string[] | undefined): void {
  for (const word of [target ?? []].flat()) {
    const isKnown = LORA_TARGETS.some((name) => name === word)
    if (word === 'all' || word === 'transformer') continue
    throw new DiffgentorError(
      'invalid_request',
      isKnown
        ? `${prefix}the model has no part "${word}"; use all or transformer.`
        : `${prefix}Invalid target: '${word}'. Valid targets: ${LORA_TARGETS.join(', ')}.`,
      { field: 'target' },
    )
  }
}

/** One value for all, or a list with one for each. */
function spread<T>(field: string, value: T | readonly (T | null)[] | undefined, count: number): (T | undefined)[] {
  if (!Array.isArray(value)) {
    if (field === 'lora_path' && value !== undefined && count > 1) throw mismatch(field, count)
    return Array.from({ length: count }, () => value as T | undefined)
  }
  if (value.length !== count) throw mismatch(field, count)
  return (value as readonly (T | null)[]).map((item) => item ?? undefined)
}

/** A file of the LoRA folder or the model store, or one of the hub, which is downloaded where the cache does not hold it. */
async function findFile(services: Services, path: string, { isAdmin, signal }: LoraCaller): Promise<string> {
  try {
    const file = await findLocalFile(services, path, isAdmin).catch(async (error: unknown) => {
      if (!isAdmin || !parseHubFileName(path)) throw error
      return await fetchHubFile(path, services.settings, { signal })
    })
    await checkLoraHead(file)
    return file
  } catch (error) {
    if (!(error instanceof DiffgentorError) || error.code === 'forbidden') throw error
    const code = error.code === 'model_not_found' ? 'invalid_request' : error.code
    throw new DiffgentorError(code, PREFIX + error.message, { cause: error, field: 'lora_path' })
  }
}

async function findLocalFile(services: Services, path: string, isAdmin: boolean): Promise<string> {
  const [choice] = await readLoras(services, { path }, isAdmin)
  return choice!.path
}

function mismatch(field: string, count: number): DiffgentorError {
  return refuse(`${field} must have one entry for each of the ${count} nicknames.`, field)
}

function refuse(message: string, field = 'lora_nickname'): DiffgentorError {
  return new DiffgentorError('invalid_request', PREFIX + message, { field })
}
