import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { BackendSettings } from '../../config/settings.ts'
import { programCacheFolder } from '../../config/user-folders.ts'
import type { ImageWarning } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { type ModelDescription, type PipelineOptions, type ProviderProbe, probeProviders } from '../../pipelines/index.ts'
import type { Residence } from './memory-budget.ts'

/** What the settings of the local engine come to on this machine. */
export interface EnginePlan {
  /** How the process in a place opens a folder, with the model kept in one way. */
  pipelineOptions(folder: string, place: number, workers: number, residence: Residence): PipelineOptions
  cpuOffload: boolean
  /** The graphs run on the CPU. */
  isOnCpu: boolean
  /** Where optimized copies of graphs are kept; undefined where none are. */
  copiesFolder: string | undefined
  /** The stored precision to load; absent: as stored. */
  dtype: PipelineOptions['dtype']
  /** Devices of one kind to spread over; 1 on the CPU. */
  devices: number
  warnings: ImageWarning[]
}

const OPTIMIZATIONS = ['vae_slicing', 'vae_tiling', 'cpu_offload'] as const

/** Reads the engine's settings; wishes that cannot be honored become warnings. */
export function planEngine(settings: BackendSettings): EnginePlan {
  const asked = new Set(settings.optimize ?? [])
  const cpuOffload = settings.enableCpuOffload || asked.has('cpu_offload')
  const vaeTiling = settings.enableVaeTiling || asked.has('vae_tiling')
  const onCpu = isCpu(settings)
  const devices = onCpu ? 1 : (settings.numGpus ?? 1)
  const dtype = settings.torchDtype === 'bfloat16' && onCpu ? undefined : settings.torchDtype
  const cacheFolder = settings.cacheDir ?? programCacheFolder()
  return {
    cpuOffload,
    isOnCpu: onCpu,
    copiesFolder: onCpu && settings.enableCompile ? cacheFolder : undefined,
    dtype,
    devices,
    warnings: listWarnings(settings, asked, onCpu),
    pipelineOptions: (folder, place, workers, residence) => ({
      folder,
      modelType: settings.modelType,
      device: devices > 1 && settings.device === 'cuda' ? `cuda:${place % devices}` : settings.device,
      executionProviders: settings.providers,
      dtype,
      intraOpThreads: settings.intraOpThreads ?? threadsFor(workers),
      interOpThreads: settings.interOpThreads,
      allowSpinning: workers === 1,
      cpuOffload: residence.cpuOffload,
      mapWeights: residence.weights === 'mapped',
      vaeTiling,
      embeddingFolder: settings.cacheEmbeddings ? join(cacheFolder, 'embeddings') : undefined,
      cacheFolder,
      cacheLimitBytes: settings.cacheLimit * 1e9,
      compile: settings.enableCompile,
    }),
  }
}

/** Weights up to which a model counts as small: its graphs do not keep many threads busy. */
const SMALL_MODEL_BYTES = 500e6

/**
 * How many processes draw at once when nothing is said. Two of one thread each drew small pictures 1.5 times as fast as one of two
 * threads; large graphs keep four threads busy, and each further process holds all weights again.
 */
export function countWorkers({ memoryBytes }: ModelDescription, devices: number, cores = availableParallelism()): number {
  if (devices > 1) return devices
  if (memoryBytes > SMALL_MODEL_BYTES) return Math.max(1, Math.floor(cores / 4))
  return cores <= 2 ? cores : Math.floor(cores / 2)
}

/** The cores divided among the workers. */
function threadsFor(workers: number): number {
  return Math.max(1, Math.floor(availableParallelism() / workers))
}

function isCpu({ device, providers }: BackendSettings): boolean {
  if (providers) return providers.every((name) => /^cpu/i.test(name))
  return device === 'auto' || device === 'cpu'
}

function listWarnings(settings: BackendSettings, asked: ReadonlySet<string>, onCpu: boolean): ImageWarning[] {
  const warnings: ImageWarning[] = []
  const ignore = (field: string, detail: string) => warnings.push({ kind: 'ignored', field, detail })
  if (settings.torchDtype === 'bfloat16' && onCpu) {
    ignore('torch_dtype', 'The CPU has no bfloat16 arithmetic in ONNX Runtime; the stored precision is used.')
  }
  if (settings.attentionBackend !== undefined) {
    ignore('attention_backend', `ONNX Runtime chooses its own attention; "${settings.attentionBackend}" has no effect.`)
  }
  if (settings.cacheType !== undefined) {
    ignore('cache_type', `Step caches such as "${settings.cacheType}" do not exist for ONNX graphs; every step is computed.`)
  }
  if (settings.numGpus !== undefined && onCpu) {
    ignore('num_gpus', 'The model runs on the CPU; --num_workers sets how many processes draw.')
  }
  for (const word of asked) {
    if (OPTIMIZATIONS.some((known) => known === word)) continue
    ignore('optimize', `"${word}" is not known to the local engine, which takes ${OPTIMIZATIONS.join(', ')}.`)
  }
  return warnings
}

/** Makes sure that the device asked for works here, by a trial; the error names those that do. */
export async function checkDevice(
  { device, providers }: BackendSettings,
  probe: () => Promise<{ providers: ProviderProbe[] }> = probeProviders,
): Promise<void> {
  const wanted = providers ?? [device]
  const names = wanted.map((name) =>
    name
      .toLowerCase()
      .replace(/executionprovider$/, '')
      .replace(/:\d+$/, ''),
  )
  if (names.every((name) => name === 'auto' || name === 'cpu')) return
  const report = await probe()
  const working = report.providers.filter(({ works }) => works).map(({ name }) => name)
  for (const name of names) {
    if (name === 'auto' || working.includes(name)) continue
    const problem = report.providers.find((provider) => provider.name === name)?.problem
    throw new DiffgentorError(
      'invalid_configuration',
      `The device ${name} does not work here${problem ? ` (${problem})` : ''}; working: ${working.join(', ')}.`,
      { field: 'device' },
    )
  }
}
