import { choice, custom, flag, integer, list, number, text } from '../setting.ts'
import { parseSafetyChecker } from '../value-forms.ts'

const everywhere = ['t2i', 'edit', 'serve'] as const
const backend = { group: 'Backend', commands: everywhere } as const
const engine = { group: 'Local engine', commands: everywhere } as const

const word = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

/** Who draws, and with what. */
export const backendSettings = {
  backend: text({
    ...backend,
    shapesPictures: true,
    default: 'onnx',
    describe: 'Who draws: onnx (this machine), openai, google_genai, fake, or a plug-in',
  }),
  model_name: text({
    ...backend,
    shapesPictures: true,
    aliases: ['model'],
    describe: "Built-in name, model folder, hub id org/name[@revision], or a provider's model; default: the built-in model",
  }),
  model_type: text({
    ...backend,
    shapesPictures: true,
    describe: 'Model family, when the folder does not tell (sd, sdxl, flux, qwen, …)',
  }),
  plugin: list({
    ...backend,
    placeholder: 'PACKAGE|FILE',
    expects: 'a package name or a file',
    item: word,
    describe: 'Module that adds backends; repeat for several',
  }),
}

/** How the local engine runs. None of these may change a picture, but for the stored precision. */
export const engineSettings = {
  device: text({ ...engine, default: 'auto', describe: 'auto, cpu, webgpu, cuda, cuda:N, coreml or dml' }),
  num_gpus: integer({ ...engine, min: 1, describe: 'Replicas, one for each device; default: all' }),
  torch_dtype: choice({
    ...engine,
    shapesPictures: true,
    aliases: ['dtype'],
    choices: ['float32', 'float16', 'bfloat16', 'int8', 'int4'],
    describe: 'Stored precision to load; default: as stored',
  }),
  num_workers: integer({ ...engine, min: 1, max: 256, describe: 'Processes that draw at once; default: from cores and memory' }),
  intra_op_threads: integer({
    ...engine,
    min: 1,
    variables: ['DG_ONNX_INTRA_OP_THREADS'],
    describe: 'Threads within one operator; default: cores divided by workers',
  }),
  inter_op_threads: integer({
    ...engine,
    min: 1,
    variables: ['DG_ONNX_INTER_OP_THREADS'],
    describe: 'Operators that run at once; default 1',
  }),
  optimize: list({
    ...engine,
    expects: 'words such as vae_slicing,vae_tiling,cpu_offload',
    item: word,
    describe: 'Comma list of vae_slicing, vae_tiling, cpu_offload',
  }),
  enable_vae_slicing: flag({ ...engine, default: false, describe: 'Decode one picture at a time (always so here)' }),
  enable_vae_tiling: flag({
    ...engine,
    shapesPictures: true,
    default: false,
    describe: 'Decode in overlapping tiles: less memory, slightly different pixels',
  }),
  enable_cpu_offload: flag({ ...engine, default: false, describe: 'Keep only the component in use in memory' }),
  enable_compile: flag({ ...engine, default: true, describe: 'Keep optimized graphs on disk for the next start' }),
  cache_embeddings: flag({
    ...engine,
    default: false,
    describe: 'Keep encoded prompts on disk, so that a later run with the same prompts loads no text encoder',
  }),
  safety_checker: custom({
    ...engine,
    shapesPictures: true,
    variables: ['DG_ONNX_SAFETY_CHECKER'],
    standsAlone: true,
    placeholder: '[FOLDER]',
    expects: 'nothing, off, or a folder with a safety checker',
    parse: parseSafetyChecker,
    describe: "Look at every finished picture with the model's own safety checker, or another one, and blacken what is unfit",
  }),
  attention_backend: text({ ...engine, describe: 'Accepted for scripts of other tools; warns where it has no effect' }),
  cache_type: text({ ...engine, describe: 'Accepted for scripts of other tools; warns where it has no effect' }),
  recycle_after: integer({ ...engine, min: 1, describe: 'Restart a worker after so many pictures' }),
  max_rss: number({ ...engine, min: 64, placeholder: 'MB', describe: 'Restart a worker that grows beyond so many megabytes' }),
  max_memory: number({ ...engine, min: 64, placeholder: 'MB', describe: 'Memory that models may take; default: what is free' }),
  map_weights: choice({
    ...engine,
    choices: ['auto', 'always', 'never'],
    default: 'auto',
    describe: 'Leave weights in their files, slower but with little memory; "auto" where a model would not fit otherwise',
  }),
  cache_limit: number({
    ...engine,
    min: 0,
    default: 30,
    placeholder: 'GB',
    describe: 'Room for optimized graphs, merged weights and encoded prompts, and for fetched pictures; the unused go first',
  }),
  cache_dir: text({
    ...engine,
    flag: false,
    variables: ['DG_ONNX_CACHE_DIR'],
    describe: 'Folder for optimized graphs, merged weights and encoded prompts',
  }),
  providers: list({
    ...engine,
    flag: false,
    variables: ['DG_ONNX_PROVIDERS'],
    expects: 'execution providers such as cpu',
    item: word,
    describe: 'Execution providers in order, in place of --device',
  }),
}

const hub = { group: 'Model hub', commands: [], flag: false } as const

/** Where models are found and stored, with the meaning of the Python library. */
export const hubSettings = {
  models_dir: text({ ...hub, describe: 'Folder searched for models by name' }),
  hf_home: text({ ...hub, variables: ['HF_HOME'], describe: 'Home of the hub cache' }),
  hf_hub_cache: text({ ...hub, variables: ['HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE'], describe: 'The hub cache itself' }),
  hf_endpoint: text({
    ...hub,
    variables: ['HF_ENDPOINT'],
    default: 'https://huggingface.co',
    describe: 'Address of the hub or of a mirror',
  }),
  hf_token: text({
    ...hub,
    variables: ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'],
    secret: true,
    describe: 'Token for gated and private repositories; default: what "hf auth login" stored',
  }),
  civitai_endpoint: text({
    ...hub,
    variables: ['CIVITAI_ENDPOINT'],
    default: 'https://civitai.com',
    describe: "Address of Civitai, which the server's /add_new_lora asks",
  }),
  civitai_token: text({
    ...hub,
    variables: ['CIVITAI_TOKEN', 'CIVITAI_API_TOKEN'],
    secret: true,
    describe: 'Key of a Civitai account, for files that need one',
  }),
  hf_hub_offline: flag({
    ...hub,
    variables: ['HF_HUB_OFFLINE'],
    default: false,
    describe: 'Use what is in the hub cache and download nothing',
  }),
}
