import type {
  BackendCapabilities,
  CallContext,
  CaptionRequest,
  EncodedPicture,
  GeneratedImage,
  ImageRequest,
  ImageWarning,
  PictureEmbedding,
  RawPicture,
  ResolvedRecipe,
} from '../contract/index.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { SafetyCheckerFiles } from './safety/find-safety-checker.ts'

/** The procedures that diffgentor knows. */
export type PipelineFamily =
  | 'stable-diffusion'
  | 'stable-diffusion-inpaint'
  | 'stable-diffusion-xl'
  | 'stable-diffusion-xl-refiner'
  | 'stable-diffusion-xl-inpaint'
  | 'latent-consistency'
  | 'instruct-pix2pix'
  | 'latent-upscale'
  | 'z-image'
  | 'qwen-image'
  | 'qwen-image-edit'
  | 'qwen-image-edit-plus'
  | 'sana'
  | 'pixart'
  | 'unidiffuser'
  | 'wan'
  | 'stable-diffusion-3'
  | 'flux'
  | 'flux-fill'
  | 'flux-kontext'
  | 'flux2-klein'

/** Precisions in which a folder may store its graphs. */
export type StoredPrecision = 'float32' | 'float16' | 'bfloat16' | 'int8' | 'int4'

/** How a model folder is opened. */
export interface PipelineOptions {
  /** The model folder. */
  folder: string
  /** Family, for folders that do not tell; see `describeModel`. */
  modelType?: string | undefined
  /** `auto`, `cpu`, `webgpu`, `cuda`, `cuda:N`, `coreml` or `dml`. Default `auto`, which is the CPU. */
  device?: string | undefined
  /** Execution providers in order, in place of `device`. */
  executionProviders?: readonly string[] | undefined
  /** Which stored precision to load where the folder holds several. Default: as stored. */
  dtype?: StoredPrecision | undefined
  /** Threads within one operator. Default: the runtime's own choice. */
  intraOpThreads?: number | undefined
  /** Operators that run at once. Default 1. */
  interOpThreads?: number | undefined
  /** Whether idle threads spin. Default true; false when several processes share the cores. */
  allowSpinning?: boolean | undefined
  /** Keep only the component in use in memory. Default false. */
  cpuOffload?: boolean | undefined
  /** Decode in overlapping tiles: less memory, slightly different pixels. Default false. */
  vaeTiling?: boolean | undefined
  /** Folder for optimized and patched graphs. Absent: nothing is kept. */
  cacheFolder?: string | undefined
  /** Folder where encodings of prompts are kept for later runs. Absent: they are kept in memory only. */
  embeddingFolder?: string | undefined
  /** Keep optimized graphs in `cacheFolder` for the next start. Default true. */
  compile?: boolean | undefined
  /** Looks at every finished picture and blackens what it finds unfit. Absent: nothing looks. */
  safetyChecker?: SafetyCheckerFiles | undefined
  /** Bytes that both folders may take together; what was unused for longest goes first. Default: no limit. */
  cacheLimitBytes?: number | undefined
  /** Leave weights in their files, at some cost in time, where no optimized copy of the graph is kept. Default false. */
  mapWeights?: boolean | undefined
}

/** What a pipeline answers; a backend adds its own name and the model's. */
export interface PipelineResult {
  images: GeneratedImage[]
  warnings: ImageWarning[]
  recipe: Omit<ResolvedRecipe, 'backend' | 'model' | 'modelHash'>
}

/** A model in memory, ready to draw. One `run` at a time. */
export interface Pipeline extends AsyncDisposable {
  readonly family: PipelineFamily
  readonly description: ModelDescription
  /** Milliseconds spent inside ONNX Runtime's `run` so far, over all components. */
  readonly runtimeMs: number
  /** Draws `request.seeds.length` pictures, one after the other. Rejects between two steps when the signal fires. */
  run(request: ImageRequest, context: CallContext): Promise<PipelineResult>
  /** Enlarges a picture with a super-resolution graph, by the path of its file. Rejects between two tiles when the signal fires. */
  enlarge(picture: RawPicture, upscaler: string, context: CallContext): Promise<RawPicture>
  /** Describes and embeds pictures; absent for models that cannot. */
  readonly reader?: PictureReader | undefined
  /** Opens every component that a text-to-image request needs. */
  warmUp(context: CallContext): Promise<void>
}

/** What a model of pictures and texts can do beside drawing. One call at a time. */
export interface PictureReader {
  /** Describes a picture in words. One of another size than the model's is resized. */
  describe(request: CaptionRequest, context: CallContext): Promise<DrawnText>
  /** Draws a picture and its description at once, from nothing. */
  drawBoth(request: Omit<CaptionRequest, 'image'>, context: CallContext): Promise<DrawnText & { picture: RawPicture }>
  /** What the model's encoders make of a picture: the middle of what the VAE may mean, not scaled. */
  embed(image: EncodedPicture, context: CallContext): Promise<PictureEmbedding>
}

/** Words that were drawn, with the state of the loop at its end. */
export interface DrawnText {
  text: string
  latents: Tensor
}

/** One graph of a model folder. */
export interface ModelComponent {
  /** `text_encoder`, `unet`, `vae_decoder` … */
  name: string
  /** Paths relative to the model folder: the graph first, then its data files. */
  files: string[]
  /** Bytes of weights, as stored. */
  weightBytes: number
  /** Bytes of weights in memory: half precision is expanded on the CPU. */
  memoryBytes: number
}

/** What a folder holds and can do, told without loading weights. */
export interface ModelDescription {
  folder: string
  family: PipelineFamily
  components: ModelComponent[]
  capabilities: BackendCapabilities
  /** Describes and embeds pictures. */
  readsPictures: boolean
  /** Why pictures for an IP-Adapter cannot be looked at; absent: they can. */
  noIpAdapter: string | undefined
  /** Edits draw from noise and look at their pictures, which keep the sizes they have. */
  looksAtReferences: boolean
  /** The model's own defaults: `generation_config.json` first, then the family's. */
  defaults: ModelDefaults
  /** The class in the folder's scheduler configuration, or the family's default. */
  scheduler: string
  /** The scheduler configuration, as stored or the family's default. */
  schedulerConfig: Readonly<Record<string, unknown>>
  /** Sum of the components' `memoryBytes`. */
  memoryBytes: number
  warnings: ImageWarning[]
}

export interface ModelDefaults {
  numInferenceSteps: number
  guidanceScale: number
  width: number
  height: number
  strength: number
}
