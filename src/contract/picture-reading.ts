import type { EncodedPicture } from './image-request.ts'

/** A picture to be described in words. */
export interface CaptionRequest {
  image: EncodedPicture
  /** 0 … 2³²−1: the same seed gives the same words. */
  seed: number
  /** Denoising steps, at least 1. Absent: the model's default. */
  numInferenceSteps?: number | undefined
  /** Classifier-free guidance. Absent: the model's default. */
  guidanceScale?: number | undefined
}

/** What the encoders of a model make of a picture. */
export interface PictureEmbedding {
  /** CLIP's embedding, not normalized. */
  clip: Float32Array
  /** The picture in VAE space: channels × height × width values, row by row. */
  latents: Float32Array
  /** Channels, height and width of the latents. */
  latentShape: readonly [number, number, number]
}
