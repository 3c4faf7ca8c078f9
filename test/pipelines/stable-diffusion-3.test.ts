import { toDenoiserScale } from '../support/latents-of-decoder.ts'
import type { TransformerCase } from '../support/transformer-goldens.ts'
import { describeTransformer, readArray } from '../support/transformer-suite.ts'

const isInpainting = ({ pipeline }: TransformerCase) => pipeline.includes('Inpaint')

/** Masked runs end with a blend; diffusers decodes them without the shift, which makes their pictures wrong. */
function blended(golden: TransformerCase) {
  if (!isInpainting(golden)) return readArray(golden, 'final_latents')
  return toDenoiserScale(readArray(golden, 'vae_decode_in'), { scaling: 1.5305, shift: 0 })
}

describeTransformer({ model: 'sd3', finalLatents: blended, latentsOnly: isInpainting })
describeTransformer({ model: 'sd35_no_t5', finalLatents: blended, latentsOnly: isInpainting })
