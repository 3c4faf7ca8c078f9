import type { GeneratedImage } from '../../contract/index.ts'
import type { NoiseSource } from '../../noise/noise-source.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { DenoiseStart } from '../denoise.ts'
import type { DrawingJob, OpenModel } from '../job.ts'

/** A request made ready: texts encoded, guidance chosen. Serves every image of the request. */
export interface PreparedRequest {
  /** Draws what one image starts from. `handedOver`: latents that another model has begun. */
  begin(noise: NoiseSource, handedOver?: Tensor): Promise<DenoiseStart>
  /** Brings what the loop works on, such as tokens, to latents [1, C, h, w] as the VAE wants them. Absent: they are such already. */
  toLatents?(state: Tensor): Tensor
  /** Makes what the VAE decoded into what is handed out. Absent: one picture, as decoded. */
  present?(decoded: Tensor): Pick<GeneratedImage, 'picture' | 'frames'>
}

/** What a family says: how a request is made ready. Loop, schedule, VAE and result are the same for all. */
export type PrepareRequest = (model: OpenModel, job: DrawingJob) => Promise<PreparedRequest>
