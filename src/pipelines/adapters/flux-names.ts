/** Names in diffusers of what the original code names once, one list for each family of models; several where layers are fused into one. */
type Names = Readonly<Record<string, readonly (readonly string[])[]>>

const QKV = ['attn_to_q', 'attn_to_k', 'attn_to_v']
const ADDED_QKV = ['attn_add_q_proj', 'attn_add_k_proj', 'attn_add_v_proj']

/** Parts of `double_blocks.N`, in diffusers of `transformer_blocks.N`. Those ending in `_lora1` and `_lora2` are of XLabs. */
const DOUBLE_BLOCK: Names = {
  img_attn_qkv: [QKV],
  img_attn_proj: [['attn_to_out_0']],
  img_mlp_0: [['ff_net_0_proj'], ['ff_linear_in']],
  img_mlp_2: [['ff_net_2'], ['ff_linear_out']],
  img_mod_lin: [['norm1_linear']],
  txt_attn_qkv: [ADDED_QKV],
  txt_attn_proj: [['attn_to_add_out']],
  txt_mlp_0: [['ff_context_net_0_proj'], ['ff_context_linear_in']],
  txt_mlp_2: [['ff_context_net_2'], ['ff_context_linear_out']],
  txt_mod_lin: [['norm1_context_linear']],
  qkv_lora1: [QKV],
  qkv_lora2: [ADDED_QKV],
  proj_lora1: [['attn_to_out_0']],
  proj_lora2: [['attn_to_add_out']],
}

/** Parts of `single_blocks.N`, in diffusers of `single_transformer_blocks.N`; `qkv` and `proj` are of XLabs. */
const SINGLE_BLOCK: Names = {
  linear1: [[...QKV, 'proj_mlp'], ['attn_to_qkv_mlp_proj']],
  linear2: [['proj_out'], ['attn_to_out']],
  modulation_lin: [['norm_linear']],
  qkv: [QKV],
  proj: [['proj_out']],
}

const OUTSIDE_BLOCKS: Names = {
  img_in: [['x_embedder']],
  txt_in: [['context_embedder']],
  time_in_in_layer: embedder('timestep_embedder_linear_1'),
  time_in_out_layer: embedder('timestep_embedder_linear_2'),
  guidance_in_in_layer: embedder('guidance_embedder_linear_1'),
  guidance_in_out_layer: embedder('guidance_embedder_linear_2'),
  vector_in_in_layer: [['time_text_embed_text_embedder_linear_1']],
  vector_in_out_layer: [['time_text_embed_text_embedder_linear_2']],
  double_stream_modulation_img_lin: [['double_stream_modulation_img_linear']],
  double_stream_modulation_txt_lin: [['double_stream_modulation_txt_linear']],
  single_stream_modulation_lin: [['single_stream_modulation_linear']],
  final_layer_linear: [['proj_out']],
  final_layer_adaLN_modulation_1: [['norm_out_linear']],
}

/** FLUX.1 and FLUX.2 name the scope differently. */
function embedder(layer: string): string[][] {
  return [[`time_text_embed_${layer}`], [`time_guidance_embed_${layer}`]]
}

/**
 * Translates an underscored module path of the original FLUX code, in which the kohya tools, ComfyUI, ai-toolkit and XLabs write, to those of
 * diffusers: first of FLUX.1, then of FLUX.2, as far as they differ. Empty for other paths. After diffusers' `lora_conversion_utils.py`.
 */
export function fromOriginalFluxNames(module: string): readonly (readonly string[])[] {
  const [, kind, block, part = ''] = /^(double|single)_blocks_(\d+)_(.+)$/.exec(module) ?? []
  if (kind === undefined) return OUTSIDE_BLOCKS[module] ?? []
  const [names, scope] = kind === 'double' ? [DOUBLE_BLOCK, 'transformer_blocks'] : [SINGLE_BLOCK, 'single_transformer_blocks']
  return (names[part] ?? []).map((layers) => layers.map((layer) => `${scope}_${block}_${layer}`))
}

/** Whether a module of the original FLUX code gives shift before scale, where diffusers has scale before shift. */
export function isShiftBeforeScale(module: string): boolean {
  return module === 'final_layer_adaLN_modulation_1'
}
