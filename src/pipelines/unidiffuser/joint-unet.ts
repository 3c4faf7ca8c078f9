import type { CallContext } from '../../contract/index.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AdapterPlan } from '../adapter-plan.ts'
import { NamedGraph } from '../graphs/named-graph.ts'
import type { OpenModel } from '../job.ts'

const INPUTS = ['latent_image_embeds', 'image_embeds', 'prompt_embeds', 'timestep_img', 'timestep_text', 'data_type'] as const
const OUTPUTS = ['img_vae_out', 'img_clip_out', 'text_out'] as const

/** The finer part of the training pictures. */
export const DATA_TYPE = 1

/** A picture with its text, each possibly noise. */
export interface JointParts {
  /** Latents of the picture [1, C, h, w]. */
  picture: Tensor
  /** CLIP's embedding of the picture [1, 1, width]. */
  embedding: Tensor
  /** [1, tokens, width] */
  text: Tensor
}

/** How noisy picture and text are, 0 … 1000. */
export interface JointTimes {
  picture: number
  text: number
}

/** UniDiffuser's one network (arXiv 2303.06555), which denoises pictures and texts together. */
export interface JointUnet {
  predict(parts: JointParts, times: JointTimes): Promise<JointParts>
}

/** Loads the network. `dataType` is the kind of training pictures. */
export async function openJointUnet(
  { facts, store }: OpenModel,
  { adapters, context, dataType }: { adapters: AdapterPlan; context: CallContext; dataType: number },
): Promise<JointUnet> {
  const variant = adapters.variants.get('unet')
  const graph = await store.get({
    signature: facts.signatures.get('unet')!,
    name: 'unet',
    stage: 'denoise',
    variant,
    wrap: (session) => new NamedGraph(session, INPUTS, variant?.feeds),
    context,
  })
  const single = (value: number) => ({ data: [value], shape: [1] })
  return {
    async predict({ picture, embedding, text }, times) {
      const given = await graph.run(
        {
          latent_image_embeds: picture,
          image_embeds: embedding,
          prompt_embeds: text,
          timestep_img: single(times.picture),
          timestep_text: single(times.text),
          data_type: single(dataType),
        },
        OUTPUTS,
      )
      return { picture: given.img_vae_out, embedding: given.img_clip_out, text: given.text_out }
    },
  }
}
