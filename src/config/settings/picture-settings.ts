import { custom, integer, number, record, text } from '../setting.ts'
import { parseSize } from '../value-forms.ts'

const drawing = { group: 'Picture', commands: ['t2i', 'edit'], shapesPictures: true } as const

/** What the picture shall be, whoever draws it. All of these are columns too. */
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
  extra: record({
    ...drawing,
    group: 'Hosted APIs',
    columns: ['extra'],
    sharesColumns: true,
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
