import { choice, custom, flag, integer, list, number, record, text } from '../setting.ts'
import { parseControlNet, parseEmbedding, parseLora, parseSize, parseTopLeft } from '../value-forms.ts'

const drawing = { group: 'Picture', commands: ['t2i', 'edit'], shapesPictures: true } as const
const engine = { group: 'Local engine', commands: ['t2i', 'edit'], shapesPictures: true } as const

/** What the picture shall be. All of these are columns too. */
export const pictureSettings = {
  negative_prompt: text({
    ...drawing,
    columns: ['negative_prompt'],
    describe: 'What to steer away from; no effect at guidance 1 or less',
  }),
  num_images_per_prompt: integer({
    ...drawing,
    columns: ['num_images_per_prompt', 'n'],
    min: 1,
    max: 10_000,
    default: 1,
    describe: 'Pictures for each row, each with its own seed',
  }),
  width: integer({
    ...drawing,
    columns: ['width'],
    min: 1,
    max: 65_535,
    describe: 'Width in pixels; default: the model decides',
  }),
  height: integer({
    ...drawing,
    columns: ['height'],
    min: 1,
    max: 65_535,
    describe: 'Height in pixels; default: the model decides',
  }),
  size: custom({
    ...drawing,
    columns: ['size'],
    placeholder: 'WxH',
    expects: 'a size such as 1024x768',
    parse: parseSize,
    describe: 'Width and height in one word, such as 1024x768',
  }),
  num_inference_steps: integer({
    ...drawing,
    aliases: ['steps'],
    columns: ['num_inference_steps', 'steps'],
    min: 1,
    max: 10_000,
    describe: 'Denoising steps; default: the model decides',
  }),
  guidance_scale: number({
    ...drawing,
    aliases: ['cfg'],
    columns: ['guidance_scale', 'cfg'],
    describe: 'Classifier-free guidance; 1 or less switches it off; default: the model decides',
  }),
  true_cfg_scale: number({
    ...drawing,
    columns: ['true_cfg_scale'],
    describe: 'True guidance of guidance-distilled models (FLUX, Qwen-Image); needs a negative prompt',
  }),
  seed: integer({
    ...drawing,
    columns: ['seed'],
    describe: 'Base seed: picture j of row i gets (seed + i·n + j) mod 2³²; default: drawn once and kept in run.json',
  }),
  scheduler: text({
    ...drawing,
    columns: ['scheduler'],
    describe: "Sampler, by diffusers class name or short name (euler_a, dpm++_2m_karras, …); default: the model's own",
  }),
  scheduler_config: record({
    ...engine,
    columns: ['scheduler_config'],
    placeholder: 'JSON|FILE',
    describe: "Keys put over the model's scheduler configuration: JSON, key=value, or a JSON file",
  }),
  guidance_rescale: number({
    ...engine,
    columns: ['guidance_rescale'],
    min: 0,
    max: 1,
    describe: 'Share of the rescaled prediction, 0 to 1 (against over-exposed v-prediction pictures)',
  }),
  clip_skip: integer({
    ...engine,
    columns: ['clip_skip'],
    min: 0,
    max: 100,
    describe: 'Layers of the text encoder to leave out at the end (diffusers counting: 1 is "clip skip 2" elsewhere)',
  }),
  prompt_2: text({ ...engine, columns: ['prompt_2'], describe: 'Prompt of the second text encoder; default: the prompt' }),
  prompt_syntax: choice({
    ...engine,
    columns: ['prompt_syntax'],
    choices: ['none', 'a1111', 'compel'],
    default: 'none',
    describe: 'How prompts are read: "a1111" and "compel" know (word:1.2) and long prompts',
  }),
  eta: number({ ...engine, columns: ['eta'], min: 0, describe: "DDIM's share of fresh noise" }),
  noise_source: choice({
    ...engine,
    choices: ['torch-cpu', 'numpy', 'philox'],
    default: 'torch-cpu',
    describe: 'Whose random numbers start a picture',
  }),
  noise_dtype: choice({
    ...engine,
    choices: ['float32', 'float16', 'bfloat16'],
    default: 'float32',
    describe: 'Precision in which the starting noise is drawn',
  }),
  vae: text({ ...engine, columns: ['vae'], placeholder: 'FOLDER', describe: "VAE to use in place of the model's own" }),
  lora: list({
    ...engine,
    columns: ['lora'],
    placeholder: 'FILE[:WEIGHT]',
    expects: 'FILE[:WEIGHT]',
    item: parseLora,
    describe: 'LoRA to add; repeat for several',
  }),
  embedding: list({
    ...engine,
    columns: ['embedding'],
    placeholder: 'FILE[:TOKEN]',
    expects: 'FILE[:TOKEN]',
    item: parseEmbedding,
    describe: 'Textual-inversion embedding; repeat for several',
  }),
  controlnet: list({
    ...engine,
    columns: ['controlnet'],
    placeholder: 'FOLDER[:SCALE[:START:END]]',
    expects: 'FOLDER[:SCALE[:START:END]]',
    item: parseControlNet,
    describe: 'ControlNet graph; the condition picture comes from --control_image or its column',
  }),
  control_image: list({
    ...engine,
    columns: ['control_image'],
    placeholder: 'FILE',
    expects: 'a path or URL',
    item: (value) => (typeof value === 'string' ? value : undefined),
    describe: 'Condition pictures, one for each --controlnet',
  }),
  refiner: text({ ...engine, columns: ['refiner'], placeholder: 'FOLDER', describe: 'SDXL refiner that finishes the picture' }),
  denoising_end: number({
    ...engine,
    columns: ['denoising_end'],
    min: 0,
    max: 1,
    describe: 'Share of the schedule after which the base hands over',
  }),
  denoising_start: number({
    ...engine,
    columns: ['denoising_start'],
    min: 0,
    max: 1,
    describe: 'Share of the schedule from which the model takes over',
  }),
  original_size: custom({
    ...engine,
    columns: ['original_size'],
    placeholder: 'WxH',
    expects: 'a size such as 1024x768',
    parse: parseSize,
    describe: 'SDXL size conditioning',
  }),
  target_size: custom({
    ...engine,
    columns: ['target_size'],
    placeholder: 'WxH',
    expects: 'a size such as 1024x768',
    parse: parseSize,
    describe: 'SDXL target-size conditioning',
  }),
  crop_top_left: custom({
    ...engine,
    columns: ['crop_top_left'],
    placeholder: 'TOP,LEFT',
    expects: 'two whole numbers such as 0,0',
    parse: parseTopLeft,
    describe: 'SDXL crop conditioning',
  }),
  upscale: text({
    ...engine,
    columns: ['upscale'],
    placeholder: 'FILE',
    describe: 'ONNX super-resolution graph that enlarges the result',
  }),
  save_latents: flag({
    ...engine,
    columns: ['save_latents'],
    default: false,
    describe: 'Write the final latents beside the picture, as float32 .npy',
  }),
  extra: record({
    ...drawing,
    group: 'Hosted APIs',
    columns: ['extra'],
    placeholder: 'KEY=VALUE',
    describe: 'Field passed on to the provider untouched, such as quality=high; repeat for several',
  }),
}

const editing = { group: 'Edit', commands: ['edit'], shapesPictures: true } as const

/** What only edits have. */
export const editSettings = {
  strength: number({
    ...editing,
    columns: ['strength'],
    min: 0,
    max: 1,
    describe: 'How far the result may leave the source; 1 ignores it; default: the model decides',
  }),
  image_guidance_scale: number({
    ...editing,
    columns: ['image_guidance_scale'],
    min: 1,
    describe: 'How closely InstructPix2Pix models keep to the source',
  }),
}
