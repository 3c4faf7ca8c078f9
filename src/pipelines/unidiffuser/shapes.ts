import { DiffgentorError } from '../../errors.ts'
import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import type { ModelFacts } from '../folder/inspect-model.ts'
import type { PictureShapes } from './guided-predictions.ts'

/** Shapes of the state for a picture: its latents and its embedding. */
export function pictureShapes({ signatures }: ModelFacts, latentShape: readonly number[]): PictureShapes {
  return [latentShape, [1, ...fixedSizes(signatures.get('unet'), 'image_embeds')]]
}

/** Shape of the text encoder's states, before they are narrowed for the network. */
export function textStateShape({ signatures }: ModelFacts): readonly number[] {
  return [1, ...fixedSizes(signatures.get('text_decoder_prefix'), 'prompt_embeds')]
}

/** The sizes behind the batch, all of which the exporter fixes. */
function fixedSizes(signature: GraphSignature | undefined, input: string): number[] {
  const sizes = signature?.inputs.find(({ name }) => name === input)?.dims.slice(1) ?? []
  const fixed = sizes.filter((size) => typeof size === 'number')
  if (fixed.length === 2 && sizes.length === 2) return fixed
  throw new DiffgentorError(
    'model_unreadable',
    `The graph ${signature?.file ?? 'of the model'} does not fix the sizes of its input ${input}; export the model again.`,
  )
}
