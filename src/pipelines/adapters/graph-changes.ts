import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { DiskCache } from '../../disk-cache/disk-cache.ts'
import { checkExternalData } from '../../onnx-proto/external-data.ts'
import { describeGraph } from '../../onnx-proto/graph-signature.ts'
import { OnnxModel } from '../../onnx-proto/onnx-model.ts'
import { encodePatched } from '../../onnx-proto/patched-proto.ts'
import type { GraphSource, PatchedGraph } from '../../onnx-runtime/index.ts'
import { MERGED_WEIGHTS } from '../cache-folders.ts'
import type { GraphVariant } from '../graphs/graph-variant.ts'
import { branchFeeds } from './branch-feeds.ts'
import { addClipSkipOutputs } from './clip-skip.ts'
import { addExtraTokens, EXTRA_TOKENS_INPUT } from './extra-tokens.ts'
import { fuseAttention } from './fuse-attention.ts'
import type { SitePlan } from './lora-plan.ts'
import { addLowRankBranches } from './low-rank-branches.ts'
import { mergeLoras } from './merge-loras.ts'
import { findModuleSites } from './module-sites.ts'
import type { EncoderTokens } from './token-plan.ts'

/** What a request changes in one stored graph. */
export interface GraphChanges {
  /** Modules that LoRAs touch. */
  sites: readonly SitePlan[]
  /** Give the text encoder outputs for states with layers left out. */
  clipSkip: boolean
  /** Words that embeddings add to the text encoder. */
  tokens: EncoderTokens | undefined
}

export interface GraphChangeOptions {
  /** Where weights with merged LoRAs are kept; absent: in memory only. */
  cacheFolder?: string | undefined
  /** What `cacheFolder` belongs to. */
  cache?: DiskCache | undefined
  /** Whether attention is fused as well, as `withFusedAttention` does. */
  fusesAttention: boolean
}

/** The graph with its changes, or undefined when there are none. Weights of low-rank updates and token vectors are fed, so they are not part of its key. */
export function makeVariant(changes: GraphChanges, options: GraphChangeOptions): GraphVariant | undefined {
  const { sites, clipSkip, tokens } = changes
  if (sites.length === 0 && !clipSkip && tokens === undefined) return undefined
  const branched = sites.filter((plan) => plan.branched.length > 0).map(({ site }) => site.path)
  const merged = sites.flatMap((plan) =>
    plan.merged.map(({ weight, version, lora }) => [plan.site.path, lora.module, version, weight] as const),
  )
  const key = hash([branched.toSorted(), merged, clipSkip, tokens !== undefined])
  const feeds = { ...branchFeeds(sites), ...(tokens && { [EXTRA_TOKENS_INPUT]: tokens.vectors }) }
  const fed = sites.flatMap((plan) =>
    plan.branched.map(({ weight, version, lora }) => [plan.site.path, lora.module, version, weight]),
  )
  // What is fed need not be held a second time for building.
  const rebuilt: GraphRewrite = {
    branched: new Set(branched),
    merged: sites.filter((plan) => plan.merged.length > 0),
    mergeKey: hash(merged),
    clipSkip,
    readsExtraTokens: tokens !== undefined,
  }
  const identity = hash([key, fed, tokens && [...new Float32Array(tokens.vectors.data)]])
  return { key, identity, feeds, build: (file) => buildChangedGraph(file, rebuilt, options) }
}

/** A stored graph with fused attention, or its own path where nothing can be fused. */
export async function withFusedAttention(file: string): Promise<GraphSource> {
  const model = await OnnxModel.read(file)
  if ((await fuseAttention(model)) === 0) return file
  await checkExternalData(dirname(file), describeGraph(model, file))
  return await finish(model, file)
}

/** What building a changed graph takes. */
interface GraphRewrite {
  /** Paths of modules with low-rank branches. */
  branched: ReadonlySet<string>
  merged: readonly SitePlan[]
  /** Names what is merged. */
  mergeKey: string
  clipSkip: boolean
  readsExtraTokens: boolean
}

/** Reads a stored graph and changes it. Its weights stay on disk where they are. */
async function buildChangedGraph(
  file: string,
  rewrite: GraphRewrite,
  { cacheFolder, cache, fusesAttention }: GraphChangeOptions,
): Promise<PatchedGraph> {
  const model = await OnnxModel.read(file)
  const dataFiles = await checkExternalData(dirname(file), describeGraph(model, file))
  if (fusesAttention) await fuseAttention(model)
  const sites = findModuleSites(model)
  const fresh = new Map(sites.map((site) => [site.path, site]))
  const plans = rewrite.merged.map((plan) => ({ ...plan, site: fresh.get(plan.site.path) ?? plan.site }))
  const modelFiles = [file, ...dataFiles.map(({ realPath }) => realPath)]
  const sideFile = cacheFolder && plans.length > 0 ? await nameSideFile(cacheFolder, rewrite.mergeKey, modelFiles) : undefined
  if (sideFile) await cache?.hold(sideFile)
  await mergeLoras(model, plans, sideFile)
  if (sideFile) {
    await cache?.hold(sideFile)
    await cache?.tidy()
  }
  addLowRankBranches(
    model,
    sites.filter(({ path }) => rewrite.branched.has(path)),
  )
  if (rewrite.clipSkip) addClipSkipOutputs(model)
  if (rewrite.readsExtraTokens) addExtraTokens(model)
  return await finish(model, file)
}

async function finish(model: OnnxModel, file: string): Promise<PatchedGraph> {
  return { ...(await encodePatched(model)), label: file.split(/[/\\]/).slice(-2).join('/') }
}

/** A side file stands for the state of the model's files and what was merged into them. */
async function nameSideFile(cacheFolder: string, mergeKey: string, modelFiles: readonly string[]): Promise<string> {
  const states = await Promise.all(modelFiles.map(async (path) => [path, (await stat(path)).size, (await stat(path)).mtimeMs]))
  return join(cacheFolder, MERGED_WEIGHTS, `${hash([mergeKey, states])}.bin`)
}

function hash(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32)
}
