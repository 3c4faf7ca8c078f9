import type { IpAdapterChoice } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'
import { findInput, fixedDimension } from '../folder/denoiser-inputs.ts'
import type { ModelFacts } from '../folder/inspect-model.ts'
import type { PipelineFamily } from '../pipeline.ts'

const FAMILIES: readonly PipelineFamily[] = [
  'stable-diffusion',
  'stable-diffusion-inpaint',
  'stable-diffusion-xl',
  'stable-diffusion-xl-inpaint',
  'latent-consistency',
]

/** One sentence on why a model cannot look at pictures of an IP-Adapter; undefined where it can. */
export function whyNoIpAdapter({ family, signatures }: ModelFacts): string | undefined {
  const unet = signatures.get('unet')
  if (!unet || !FAMILIES.includes(family)) {
    return `Models of the family ${family} have no IP-Adapter here, only Stable Diffusion and SDXL have; leave ip_adapter_image out.`
  }
  if (!findInput(unet, 'imageEmbeds')) {
    return 'The UNet of this model has no input for an IP-Adapter; add one with tools/export/export_ip_adapter.py (docs/models.md), or leave ip_adapter_image out.'
  }
  if (signatures.has('image_encoder')) return undefined
  return 'This model has no image encoder (image_encoder/model.onnx), which its IP-Adapter needs; export it again with one.'
}

/** Rejects pictures that a model cannot look at, or not in the way that was asked for. */
export function assertIpAdapter(facts: ModelFacts, choice: IpAdapterChoice | undefined): void {
  if (choice === undefined) return
  const problem = whyNoIpAdapter(facts)
  if (problem !== undefined) throw unfitPicture(problem)
  const unet = facts.signatures.get('unet')!
  const most = fixedDimension(unet, 'imageEmbeds', 1)
  if (most !== undefined && choice.images.length !== most) {
    throw unfitPicture(`The IP-Adapter of this model takes ${most} picture(s) at once, got ${choice.images.length}.`)
  }
  const baked = bakedScale(facts.folder.configs.get('unet'))
  if (findInput(unet, 'ipAdapterScale') || choice.scale === undefined || choice.scale === baked) return
  throw new DiffgentorError(
    'unsupported',
    `This model was exported with its IP-Adapter at a scale of ${baked}, which cannot be changed to ${choice.scale}; export it with the input ip_adapter_scale.`,
    { field: 'ip_adapter_scale' },
  )
}

/** What a graph without an input for the scale was exported with, as its configuration may tell. */
function bakedScale(config: Readonly<Record<string, unknown>> | undefined): number {
  const told = config?.['ip_adapter_scale']
  return typeof told === 'number' ? told : 1
}

export function unfitPicture(message: string): DiffgentorError {
  return new DiffgentorError('unsupported', message, { field: 'ip_adapter_image' })
}
