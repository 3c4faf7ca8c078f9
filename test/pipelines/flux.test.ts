import sharp from 'sharp'
import { decodePicture } from '../../src/images/decode-picture.ts'
import { resizePicture } from '../../src/images/resize-picture.ts'
import { toDenoiserScale, toTokenOrder } from '../support/latents-of-decoder.ts'
import type { TransformerCase } from '../support/transformer-goldens.ts'
import { describeTransformer, readArray } from '../support/transformer-suite.ts'

const isKontext = ({ pipeline }: TransformerCase) => pipeline === 'FluxKontextPipeline'

const SCALE = { scaling: 0.3611, shift: 0.1159 }

/** Masked runs end with a blend behind the scheduler's last output; what was decoded has it. */
function blended(golden: TransformerCase) {
  if (golden.pipeline !== 'FluxInpaintPipeline') return readArray(golden, 'final_latents')
  return toTokenOrder(toDenoiserScale(readArray(golden, 'vae_decode_in'), SCALE))
}

/** The recorded run resized with Pillow 13, which goes vertically first here; Pillow 12, which is followed, never does. */
async function resizeVerticallyFirst({ request }: TransformerCase) {
  const { edit, size } = request
  if (!edit || !size) return request
  const { picture } = await decodePicture(edit.images[0]!)
  const lower = resizePicture(picture, { width: picture.width, height: size.height }, 'lanczos')
  const { pixels, channels, width, height } = resizePicture(lower, size, 'lanczos')
  const image = await sharp(pixels, { raw: { width, height, channels: channels as 3 } })
    .png()
    .toBuffer()
  return { ...request, edit: { ...edit, images: [image] } }
}

describeTransformer({ model: 'flux_schnell', prepare: resizeVerticallyFirst })
describeTransformer({ model: 'flux_dev', cases: (golden) => !isKontext(golden), finalLatents: blended })
describeTransformer({ model: 'flux_dev', modelType: 'flux-kontext', cases: isKontext })
describeTransformer({ model: 'flux_fill' })
