import { describe, expect, it } from 'vitest'
import { parseLoraKey } from '../../../src/pipelines/adapters/lora-keys.ts'

describe('keys of LoRA files', () => {
  it.each([
    ['unet.mid_block.attentions.0.proj_in.lora_A.weight', 'denoiser', 'mid_block_attentions_0_proj_in', 'down'],
    ['unet.mid_block.attentions.0.proj_in.lora_B.default.weight', 'denoiser', 'mid_block_attentions_0_proj_in', 'up'],
    ['base_model.model.unet.conv_in.lora_A.weight', 'denoiser', 'conv_in', 'down'],
    [
      'unet.up_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q.lora.up.weight',
      'denoiser',
      'up_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q',
      'up',
    ],
    [
      'mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.down.weight',
      'denoiser',
      'mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0',
      'down',
    ],
    [
      'text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.up.weight',
      'text_encoder',
      'text_model_encoder_layers_0_self_attn_q_proj',
      'up',
    ],
    [
      'text_encoder_2.text_model.encoder.layers.9.mlp.fc1.lora_A.weight',
      'text_encoder_2',
      'text_model_encoder_layers_9_mlp_fc1',
      'down',
    ],
    [
      'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_0_proj.lora_down.weight',
      'denoiser',
      'down_blocks_0_attentions_0_transformer_blocks_0_ff_net_0_proj',
      'down',
    ],
    ['lora_te_text_model_encoder_layers_0_mlp_fc1.alpha', 'text_encoder', 'text_model_encoder_layers_0_mlp_fc1', 'alpha'],
    ['lora_te1_text_model_encoder_layers_0_mlp_fc1.lora_up.weight', 'text_encoder', 'text_model_encoder_layers_0_mlp_fc1', 'up'],
    [
      'lora_te2_text_model_encoder_layers_0_mlp_fc1.dora_scale',
      'text_encoder_2',
      'text_model_encoder_layers_0_mlp_fc1',
      'magnitude',
    ],
    ['lora_unet_mid_block_resnets_0_conv1.hada_w1_a', 'denoiser', 'mid_block_resnets_0_conv1', 'hada_w1_a'],
    ['lycoris_unet_mid_block_resnets_0_conv1.lokr_w2_b', 'denoiser', 'mid_block_resnets_0_conv1', 'lokr_w2_b'],
    ['lora_unet_mid_block_resnets_0_conv1.lora_mid.weight', 'denoiser', 'mid_block_resnets_0_conv1', 'mid'],
  ])('%s', (key, target, module, part) => {
    expect(parseLoraKey(key)).toEqual({ target, module, part })
  })

  it.each([
    ['input_blocks_0_0', 'conv_in'],
    ['input_blocks_1_0_in_layers_2', 'down_blocks_0_resnets_0_conv1'],
    ['input_blocks_3_0_op', 'down_blocks_0_downsamplers_0_conv'],
    ['input_blocks_4_1_transformer_blocks_0_attn1_to_q', 'down_blocks_1_attentions_0_transformer_blocks_0_attn1_to_q'],
    ['input_blocks_8_1_proj_in', 'down_blocks_2_attentions_1_proj_in'],
    ['input_blocks_7_0_skip_connection', 'down_blocks_2_resnets_0_conv_shortcut'],
    ['middle_block_0_emb_layers_1', 'mid_block_resnets_0_time_emb_proj'],
    ['middle_block_1_transformer_blocks_9_ff_net_2', 'mid_block_attentions_0_transformer_blocks_9_ff_net_2'],
    ['middle_block_2_out_layers_3', 'mid_block_resnets_1_conv2'],
    ['output_blocks_0_1_transformer_blocks_3_attn2_to_k', 'up_blocks_0_attentions_0_transformer_blocks_3_attn2_to_k'],
    ['output_blocks_2_2_conv', 'up_blocks_0_upsamplers_0_conv'],
    ['output_blocks_5_0_in_layers_2', 'up_blocks_1_resnets_2_conv1'],
    ['time_embed_2', 'time_embedding_linear_2'],
    ['label_emb_0_0', 'add_embedding_linear_1'],
    ['out_2', 'conv_out'],
  ])('SDXL block %s', (original, module) => {
    expect(parseLoraKey(`lora_unet_${original}.lora_down.weight`)?.module).toBe(module)
  })

  it('knows keys of other things as such', () => {
    expect(parseLoraKey('model.diffusion_model.input_blocks.0.0.weight')).toBeUndefined()
    expect(parseLoraKey('emb_params')).toBeUndefined()
  })
})
