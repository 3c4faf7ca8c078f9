import type { ImageRequest, Size } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import type { DrawOrder } from '../../drawing.ts'
import { checkMode, settleRequest } from '../../requests/check-order.ts'
import { prepareEdit } from '../../requests/edit-source.ts'
import { readLoras } from '../../requests/lora-choice.ts'
import { readPicture } from '../../requests/picture-reference.ts'
import { readSize } from '../../requests/size-text.ts'
import type { Services } from '../../services.ts'
import type { ChatFields, ChatPart } from './chat-fields.ts'

/** Guidance of the origin's chat route for models that do not tell their own. */
const CHAT_GUIDANCE = 7.5

const MAX_PICTURES = 16

/** Turns a conversation into an order: the users' texts are the prompt, their pictures the sources. */
export async function readChat(
  services: Services,
  fields: ChatFields,
  isAdmin: boolean,
  signal: AbortSignal,
): Promise<DrawOrder> {
  const parts = fields.messages.filter((message) => message.role === 'user').flatMap(({ content }) => content ?? [])
  const prompt = parts
    .map(textOf)
    .filter((text) => text !== '')
    .join(' ')
    .trim()
  if (prompt === '') throw new DiffgentorError('invalid_request', 'No text prompt found in messages', { field: 'messages' })
  refuseOtherMedia(parts)
  const pictures = await readPictures(services, parts, signal)
  checkMode(services, pictures.length > 0 ? 'edit' : 'generate')
  const model = services.models.find(fields.model)
  const { backend } = model
  const asked = readChatSize(fields)
  const prepared = pictures.length > 0 ? await prepareEdit(model, { images: pictures }, asked) : undefined
  const loras = await readLoras(services, fields.lora, isAdmin)
  const request: ImageRequest = {
    prompt,
    numImages: fields.num_outputs_per_prompt ?? 1,
    negativePrompt: fields.negative_prompt,
    size: prepared?.size ?? asked,
    numInferenceSteps: fields.num_inference_steps,
    guidanceScale: fields.guidance_scale ?? (knowsGuidance(backend) ? undefined : CHAT_GUIDANCE),
    trueCfgScale: fields.true_cfg_scale,
    edit: prepared?.edit,
    diffusion: loras.length > 0 ? { loras } : undefined,
  }
  const settled = settleRequest(services.settings, model, request)
  return { model, request: settled, sources: prepared?.facts, seed: fields.seed, format: 'png' }
}

/** True when the model says its own guidance, or has no use for any. */
function knowsGuidance({ capabilities, defaults }: DrawOrder['model']['backend']): boolean {
  return !capabilities.guidanceScale || defaults?.guidanceScale !== undefined
}

function textOf(part: ChatPart): string {
  if (typeof part === 'string') return part
  return part.type === undefined || part.type === 'text' ? (part.text ?? '') : ''
}

function refuseOtherMedia(parts: readonly ChatPart[]): void {
  const other = parts.find((part) => typeof part !== 'string' && (part.type === 'input_audio' || part.type === 'file'))
  if (other === undefined || typeof other === 'string') return
  throw new DiffgentorError(
    'invalid_request',
    `Message parts of type ${other.type} are not supported; send text and image_url.`,
    {
      field: 'messages',
    },
  )
}

/** Addresses are fetched and must work; inline pictures that cannot be read are left out, as the origin does. */
async function readPictures(services: Services, parts: readonly ChatPart[], signal: AbortSignal): Promise<Uint8Array[]> {
  const references = parts.map(referenceOf).filter((reference) => reference !== undefined)
  if (references.length > MAX_PICTURES) {
    throw new DiffgentorError('invalid_request', `A request takes at most ${MAX_PICTURES} images, got ${references.length}.`, {
      field: 'messages',
    })
  }
  const read = references.map(async (reference) => {
    const isAddress = typeof reference === 'string' && /^\s*https?:/i.test(reference)
    const picture = readPicture(services, reference, signal, 'messages')
    return isAddress ? await picture : await picture.catch(() => undefined)
  })
  return (await Promise.all(read)).filter((picture) => picture !== undefined)
}

function referenceOf(part: ChatPart): unknown {
  if (typeof part === 'string') return undefined
  if (part.image !== undefined) return part.image
  const { image_url: address } = part
  return typeof address === 'object' && address !== null && 'url' in address ? address.url : address
}

/** A bad size text is ignored here, as the origin does. */
function readChatSize({ size, width, height }: ChatFields): Size | undefined {
  const sides = width !== undefined && height !== undefined ? { width, height } : undefined
  try {
    return readSize(size) ?? sides
  } catch {
    return sides
  }
}
