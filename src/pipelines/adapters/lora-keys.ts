import { fromOriginalBlockNames } from './sdxl-block-names.ts'

/** The graphs of a pipeline that a LoRA can change. */
export type LoraTarget = 'denoiser' | 'text_encoder' | 'text_encoder_2' | 'text_encoder_3'

/** The tensors of one module, under one name whichever tool wrote the file. */
export type LoraPart =
  | 'down'
  | 'up'
  | 'mid'
  | 'alpha'
  | 'magnitude'
  | 'difference'
  | `hada_${'w1_a' | 'w1_b' | 'w2_a' | 'w2_b' | 't1' | 't2'}`
  | `lokr_${'w1' | 'w1_a' | 'w1_b' | 'w2' | 'w2_a' | 'w2_b' | 't2'}`

/** A key of a LoRA file, understood. */
export interface LoraKey {
  target: LoraTarget
  /** Path inside the target with `_` for every dot, since the kohya form no longer tells them apart. */
  module: string
  part: LoraPart
}

/** Endings of keys, longest first where one contains another. */
const PARTS: readonly (readonly [RegExp, LoraPart | ((match: RegExpExecArray) => LoraPart)])[] = [
  [/[._](?:lora_A|lora_down|lora\.down)(?:\.[\w-]+)?\.weight$/, 'down'],
  [/[._](?:lora_B|lora_up|lora\.up)(?:\.[\w-]+)?\.weight$/, 'up'],
  [/\.lora_linear_layer\.down\.weight$/, 'down'],
  [/\.lora_linear_layer\.up\.weight$/, 'up'],
  // XLabs: `processor.qkv_lora1` for the picture, `qkv_lora2` for the text.
  [/(?<=_lora[12])\.down\.weight$/, 'down'],
  [/(?<=_lora[12])\.up\.weight$/, 'up'],
  [/\.lora_mid\.weight$/, 'mid'],
  [/\.alpha$/, 'alpha'],
  [/\.(?:dora_scale|lora_magnitude_vector(?:\.[\w-]+)?(?:\.weight)?)$/, 'magnitude'],
  [/\.diff$/, 'difference'],
  [/\.(hada_(?:w[12]_[ab]|t[12]))$/, (match) => match[1] as LoraPart],
  [/\.(lokr_(?:w[12](?:_[ab])?|t2))$/, (match) => match[1] as LoraPart],
]

/** Prefixes by target; those ending in `_` are the kohya form. */
const PREFIXES: readonly (readonly [RegExp, LoraTarget])[] = [
  [/^(?:lora|lycoris)_(?:unet|transformer)_/, 'denoiser'],
  [/^lora_te1_/, 'text_encoder'],
  [/^lora_te2_/, 'text_encoder_2'],
  [/^lora_te3_/, 'text_encoder_3'],
  [/^(?:lora|lycoris)_te_/, 'text_encoder'],
  [/^(?:unet|transformer|diffusion_model)\./, 'denoiser'],
  [/^text_encoders\.clip_l\.transformer\./, 'text_encoder'],
  [/^text_encoders\.clip_g\.transformer\./, 'text_encoder_2'],
  [/^text_encoders\.t5xxl\.transformer\./, 'text_encoder_3'],
  [/^text_encoder_2\./, 'text_encoder_2'],
  [/^text_encoder_3\./, 'text_encoder_3'],
  [/^text_encoder\./, 'text_encoder'],
]

/** Reads a key of a LoRA file in any of the forms in use; undefined for keys of other things. */
export function parseLoraKey(key: string): LoraKey | undefined {
  for (const [pattern, name] of PARTS) {
    const match = pattern.exec(key)
    if (match === null) continue
    return { ...splitPath(key.slice(0, match.index)), part: typeof name === 'string' ? name : name(match) }
  }
  return undefined
}

function splitPath(whole: string): Pick<LoraKey, 'target' | 'module'> {
  // Files that PEFT itself saved carry the scope of its own wrapper.
  const path = whole.replace(/^base_model\.model\./, '')
  for (const [prefix, target] of PREFIXES) {
    if (prefix.test(path)) return { target, module: canonicalModule(path.replace(prefix, ''), target) }
  }
  // Files that diffusers saved from the network alone carry no prefix.
  return { target: 'denoiser', module: canonicalModule(path, 'denoiser') }
}

function canonicalModule(path: string, target: LoraTarget): string {
  const module = path
    .replaceAll('.', '_')
    // Attention processors of older diffusers: `attn1.processor.to_q_lora`, and `to_out` for `to_out.0`.
    .replace(/_processor_/, '_')
    .replace(/_to_out$/, '_to_out_0')
  return target === 'denoiser' ? fromOriginalBlockNames(module) : module
}
