import type { CallContext, EncodedPicture } from '../../contract/index.ts'
import type { OpenModel } from '../job.ts'
import { openParts } from '../open-pipeline.ts'
import type { Pipeline, PipelineOptions } from '../pipeline.ts'
import { assertJoint, describePicture, drawBoth, embedImage, type JointDrawing } from './draw-joint.ts'

export type { JointDrawing } from './draw-joint.ts'

/** A UniDiffuser model with all that it can do beside drawing. One call at a time. */
export class UniDiffuser implements AsyncDisposable {
  /** Draws pictures from text, as every model does. */
  readonly pipeline: Pipeline
  readonly #model: OpenModel

  constructor(model: OpenModel, pipeline: Pipeline) {
    this.#model = model
    this.pipeline = pipeline
  }

  /** Describes a picture in words. A picture of another size than the model's is resized. */
  describe(image: EncodedPicture, drawing: JointDrawing, context: CallContext) {
    return describePicture(this.#model, image, drawing, context)
  }

  /** Draws a picture and its description at once, from nothing. */
  drawBoth(drawing: JointDrawing, context: CallContext) {
    return drawBoth(this.#model, drawing, context)
  }

  /** CLIP's embedding of a picture, not normalized. */
  embed(image: EncodedPicture, context: CallContext): Promise<Float32Array> {
    return embedImage(this.#model, image, context)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pipeline[Symbol.asyncDispose]()
  }
}

/** Opens a UniDiffuser folder; any other model is an error. */
export async function openUniDiffuser(options: PipelineOptions): Promise<UniDiffuser> {
  const { model, pipeline } = await openParts(options)
  assertJoint(model)
  return new UniDiffuser(model, pipeline)
}
