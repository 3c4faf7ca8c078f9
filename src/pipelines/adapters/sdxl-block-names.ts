/** Modules of a residual block in the original Stable Diffusion code and in diffusers, underscored. */
const RESNET_PARTS: Readonly<Record<string, string>> = {
  in_layers_2: 'conv1',
  emb_layers_1: 'time_emb_proj',
  out_layers_3: 'conv2',
  skip_connection: 'conv_shortcut',
}

const FIXED: Readonly<Record<string, string>> = {
  input_blocks_0_0: 'conv_in',
  out_2: 'conv_out',
  time_embed_0: 'time_embedding_linear_1',
  time_embed_2: 'time_embedding_linear_2',
  label_emb_0_0: 'add_embedding_linear_1',
  label_emb_0_2: 'add_embedding_linear_2',
}

const RESNETS_PER_BLOCK = 2

/**
 * Translates an underscored module path of the original SDXL code (`input_blocks_4_1_…`) to that of diffusers (`down_blocks_1_attentions_0_…`).
 * Other paths come back as they are. After `convert_unet_state_dict` of the kohya scripts.
 */
export function fromOriginalBlockNames(module: string): string {
  const fixed = FIXED[module]
  if (fixed !== undefined) return fixed
  const input = /^input_blocks_(\d+)_(\d+)_(.+)$/.exec(module)
  if (input) return inputBlock(Number(input[1]), Number(input[2]), input[3] ?? '') ?? module
  const middle = /^middle_block_(\d+)_(.+)$/.exec(module)
  if (middle) return middleBlock(Number(middle[1]), middle[2] ?? '')
  const output = /^output_blocks_(\d+)_(\d+)_(.+)$/.exec(module)
  if (output) return outputBlock(Number(output[1]), Number(output[2]), output[3] ?? '')
  return module
}

/** Input block 0 is `conv_in`; then each level has its residual blocks and a downsampler. */
function inputBlock(index: number, position: number, rest: string): string | undefined {
  if (index === 0) return undefined
  const level = Math.floor((index - 1) / (RESNETS_PER_BLOCK + 1))
  const place = (index - 1) % (RESNETS_PER_BLOCK + 1)
  if (place === RESNETS_PER_BLOCK) return `down_blocks_${level}_downsamplers_0_${rest === 'op' ? 'conv' : rest}`
  return blockPart(`down_blocks_${level}`, place, position, rest)
}

function middleBlock(position: number, rest: string): string {
  if (position === 1) return `mid_block_attentions_0_${rest}`
  return `mid_block_resnets_${position === 0 ? 0 : 1}_${RESNET_PARTS[rest] ?? rest}`
}

/** Each level has one residual block more than on the way down; the last of a level may carry the upsampler. */
function outputBlock(index: number, position: number, rest: string): string {
  const level = Math.floor(index / (RESNETS_PER_BLOCK + 1))
  const place = index % (RESNETS_PER_BLOCK + 1)
  if (position > 0 && rest === 'conv') return `up_blocks_${level}_upsamplers_0_conv`
  return blockPart(`up_blocks_${level}`, place, position, rest)
}

function blockPart(block: string, place: number, position: number, rest: string): string {
  if (position === 0) return `${block}_resnets_${place}_${RESNET_PARTS[rest] ?? rest}`
  return `${block}_attentions_${place}_${rest}`
}
