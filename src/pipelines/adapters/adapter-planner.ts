import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import type { DiffusionOptions } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import { type AdapterPlan, NO_ADAPTERS } from '../adapter-plan.ts'
import type { ComponentName } from '../folder/graph-files.ts'
import type { GraphVariant } from '../graphs/graph-variant.ts'
import { countSkippableLayers } from './clip-skip.ts'
import { findTokenTable } from './extra-tokens.ts'
import { type GraphChangeOptions, makeVariant } from './graph-changes.ts'
import { type LoraFile, readLoraFile } from './lora-file.ts'
import { type ChosenLora, type LoraPlan, planLoras } from './lora-plan.ts'
import { findModuleSites } from './module-sites.ts'
import { RecentValues } from './recent-values.ts'
import { countVectors, expandTokens, type LearnedToken, readLearnedToken } from './textual-inversion.ts'
import { type EncoderTokens, planTokens } from './token-plan.ts'

export interface AdapterPlannerOptions extends GraphChangeOptions {
  /** The model's graphs. */
  graphs: ReadonlyMap<ComponentName, string>
}

/** Bytes of LoRA files and of finished plans, which hold the matrices once more in the form that graphs are fed. */
const HELD_FILES = 256 * 1024 * 1024
const HELD_PLANS = 1024 * 1024 * 1024

const TEXT_ENCODERS = ['text_encoder', 'text_encoder_2'] as const

/** Components that LoRAs may change. */
const LORA_COMPONENTS = new Set<ComponentName>(['unet', 'transformer', 'text_encoder', 'text_encoder_2', 'text_encoder_3'])

/**
 * Works out how a request changes the graphs of one model. Requests that differ only in the weights of LoRAs, in LoRA files of the same modules,
 * in learned tokens or in clip skip share their loaded graphs.
 */
export class AdapterPlanner {
  readonly #graphs: ReadonlyMap<ComponentName, string>
  readonly #options: GraphChangeOptions
  readonly #models = new Map<ComponentName, Promise<OnnxModel>>()
  readonly #loras = new RecentValues<LoraFile>(HELD_FILES, sizeOfLora)
  readonly #plans = new RecentValues<AdapterPlan>(HELD_PLANS, sizeOfPlan)

  constructor({ graphs, ...options }: AdapterPlannerOptions) {
    this.#graphs = graphs
    this.#options = options
  }

  /** Rejects when an adapter cannot be read or does not belong to the model. */
  async plan({ loras = [], embeddings = [], clipSkip = 0 }: DiffusionOptions): Promise<AdapterPlan> {
    if (loras.length === 0 && embeddings.length === 0 && clipSkip === 0) return NO_ADAPTERS
    const versioned = await Promise.all(loras.map(async (choice) => ({ choice, version: await readVersion(choice.path) })))
    const learned = await Promise.all(embeddings.map((choice) => readLearnedToken(choice)))
    const skipping = await this.#findSkipping(clipSkip)
    const loraKey = versioned.map(({ version, choice }) => [version, choice.weight])
    const key = JSON.stringify([loraKey, learned.map(({ token, vectors }) => [token, hashVectors(vectors)]), skipping])
    return await this.#plans.get(key, async () => {
      const chosen: ChosenLora[] = []
      for (const { choice, version } of versioned) {
        chosen.push({ choice, version, file: await this.#loras.get(version, () => readLoraFile(choice.path)) })
      }
      return await this.#make(chosen, learned, skipping)
    })
  }

  async #make(
    chosen: readonly ChosenLora[],
    learned: readonly LearnedToken[],
    skipping: readonly ComponentName[],
  ): Promise<AdapterPlan> {
    const loras = await this.#placeLoras(chosen)
    const tokens = await this.#placeTokens(learned)
    const variants = new Map<ComponentName, GraphVariant>()
    for (const component of this.#graphs.keys()) {
      const change = {
        sites: loras.sites.get(component) ?? [],
        clipSkip: skipping.includes(component),
        tokens: tokens.get(component),
      }
      const variant = makeVariant(change, this.#options)
      if (variant !== undefined) variants.set(component, variant)
    }
    const counts = countVectors(learned)
    return {
      variants,
      extraTokens: new Map([...tokens].map(([encoder, { extraTokens }]) => [encoder, extraTokens])),
      expandPrompt: (text) => expandTokens(text, counts),
      warnings: loras.warnings,
    }
  }

  async #placeLoras(chosen: readonly ChosenLora[]): Promise<LoraPlan> {
    if (chosen.length === 0) return { sites: new Map(), warnings: [] }
    const components = [...this.#graphs.keys()].filter((name) => LORA_COMPONENTS.has(name))
    const sites = await Promise.all(components.map(async (name) => [name, findModuleSites(await this.#model(name))] as const))
    return planLoras(new Map(sites), chosen)
  }

  async #placeTokens(learned: readonly LearnedToken[]): Promise<Map<ComponentName, EncoderTokens>> {
    const placed = new Map<ComponentName, EncoderTokens>()
    if (learned.length === 0) return placed
    for (const encoder of TEXT_ENCODERS) {
      if (!this.#graphs.has(encoder)) continue
      const tokens = planTokens(encoder, findTokenTable(await this.#model(encoder)), learned)
      if (tokens !== undefined) placed.set(encoder, tokens)
    }
    if (placed.size > 0) return placed
    throw new DiffgentorError('invalid_request', 'None of the textual inversions has vectors for a text encoder of this model.', {
      field: 'embeddings',
    })
  }

  /** Encoders that need outputs for left-out layers. Models with two encoders take hidden states without the final norm, which their exports have. */
  async #findSkipping(clipSkip: number): Promise<ComponentName[]> {
    if (clipSkip === 0 || this.#graphs.has('text_encoder_2') || !this.#graphs.has('text_encoder')) return []
    const model = await this.#model('text_encoder')
    const most = countSkippableLayers(model)
    if (clipSkip <= most) return ['text_encoder']
    throw new DiffgentorError(
      'unsupported',
      most === 0
        ? 'The layers of this text encoder cannot be told apart, so none can be left out; use --clip_skip 0.'
        : `This text encoder can leave out at most ${most} layers, got --clip_skip ${clipSkip}.`,
      { field: 'clip_skip' },
    )
  }

  /** The stored graph without weights; read once, and never changed. */
  #model(component: ComponentName): Promise<OnnxModel> {
    const model = this.#models.get(component) ?? OnnxModel.read(this.#graphs.get(component)!)
    this.#models.set(component, model)
    return model
  }
}

function hashVectors(vectors: LearnedToken['vectors']): string {
  const hash = createHash('sha256')
  for (const [encoder, { data }] of Object.entries(vectors)) hash.update(encoder).update(data)
  return hash.digest('hex')
}

/** Changes when the file does. */
async function readVersion(path: string): Promise<string> {
  const stats = await stat(path).catch((cause: unknown) => {
    throw new DiffgentorError('model_not_found', `There is no LoRA file ${path}.`, { cause, field: 'loras' })
  })
  return `${path}|${stats.size}|${stats.mtimeMs}`
}

function sizeOfLora({ modules }: LoraFile): number {
  const tensors = modules.flatMap(({ parts }) => Object.values(parts))
  return tensors.reduce((sum, { data }) => sum + data.byteLength, 0)
}

function sizeOfPlan({ variants }: AdapterPlan): number {
  const feeds = [...variants.values()].flatMap((variant) => Object.values(variant.feeds ?? {}))
  return feeds.reduce((sum, { data }) => sum + data.length * Float32Array.BYTES_PER_ELEMENT, 0)
}
