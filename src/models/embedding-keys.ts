/** Text encoders that textual inversions may have vectors for. */
export type EmbeddedEncoder = 'text_encoder' | 'text_encoder_2'

/** Keys under which tools keep the vectors, by encoder: AUTOMATIC1111's `emb_params`, and both encoders of SDXL. diffusers names the only tensor after its token. */
export const EMBEDDING_KEYS: Readonly<Record<string, EmbeddedEncoder>> = {
  emb_params: 'text_encoder',
  clip_l: 'text_encoder',
  clip_g: 'text_encoder_2',
}
