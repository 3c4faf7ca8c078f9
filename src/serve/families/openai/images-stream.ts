import type { Progress, RawPicture } from '../../../contract/index.ts'
import { toDiffgentorError } from '../../../errors.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import type { DrawContext, Drawing, DrawOrder, StartedDrawing } from '../../drawing.ts'
import { startDrawing } from '../../drawing.ts'
import { EventChannel } from '../../http/event-channel.ts'
import { eventStreamAnswer, type ServerEvent } from '../../http/event-stream.ts'
import { Base64Bytes } from '../../http/json-answer.ts'
import { describeProblem } from '../../http/problem.ts'
import { seedHeaders, warningTexts } from '../../requests/drawing-headers.ts'
import { formatSize } from '../../requests/size-text.ts'
import type { Services } from '../../services.ts'
import { type DrawnFacts, describeDrawing, resolvedQuality } from './images-answer.ts'

export interface StreamOptions extends DrawnFacts {
  /** First part of the events' names. */
  prefix: 'image_generation' | 'image_edit'
  /** Previews of each picture at most. */
  partialImages: number
}

/** Draws and tells about it in events. Faults before the queue took the order are thrown; later ones become an event. */
export function streamImages(services: Services, order: DrawOrder, signal: AbortSignal, options: StreamOptions): Response {
  const channel = new EventChannel<ServerEvent>()
  const context: DrawContext = { signal }
  const previews = new Previews(order, options, channel)
  if (options.partialImages > 0) {
    context.previewEvery = previews.every
    context.onProgress = (event) => previews.receive(event)
  }
  const started = startDrawing(services, order, context)
  void follow(services, started, previews, channel, options)
  return eventStreamAnswer(channel, seedHeaders(started.seeds))
}

async function follow(
  services: Services,
  { drawing }: StartedDrawing,
  previews: Previews,
  channel: EventChannel<ServerEvent>,
  options: StreamOptions,
): Promise<void> {
  try {
    const finished = await drawing
    await previews.settle()
    for (const event of completedEvents(finished, options)) channel.push(event)
  } catch (thrown) {
    const error = toDiffgentorError(thrown)
    services.metrics.countFailure(error.code)
    const { message, type, code, param } = describeProblem(error)
    channel.push({ event: 'error', data: { type: 'error', error: { message, type, code, param } } })
  } finally {
    channel.end()
  }
}

function completedEvents(drawing: Drawing, options: StreamOptions): ServerEvent[] {
  const type = `${options.prefix}.completed`
  return drawing.images.map((image) => {
    const facts = describeDrawing({ ...drawing, images: [image] }, options)
    const data = {
      type,
      b64_json: new Base64Bytes(image.bytes),
      created_at: Math.floor(Date.now() / 1000),
      ...facts,
      seed: image.seed ?? null,
      warnings: warningTexts(drawing),
    }
    return { event: type, data }
  })
}

/** Sends the first few previews of each picture, spread over its steps. */
class Previews {
  readonly every: number
  readonly #options: StreamOptions
  readonly #format: DrawOrder['format']
  readonly #channel: EventChannel<ServerEvent>
  readonly #sent = new Map<number, number>()
  #pending: Promise<void> = Promise.resolve()

  constructor(order: DrawOrder, options: StreamOptions, channel: EventChannel<ServerEvent>) {
    const steps = order.request.numInferenceSteps ?? order.model.backend.defaults?.numInferenceSteps ?? 1
    this.every = Math.max(1, Math.floor(steps / (options.partialImages + 1)))
    this.#options = options
    this.#format = order.format
    this.#channel = channel
  }

  receive(event: Progress): void {
    if (event.phase !== 'preview') return
    const index = this.#sent.get(event.image) ?? 0
    if (index >= this.#options.partialImages) return
    this.#sent.set(event.image, index + 1)
    this.#pending = this.#pending.then(() => this.#send(event.picture, index))
  }

  /** Resolves when every preview is on its way, so that none comes after its picture. */
  async settle(): Promise<void> {
    await this.#pending
  }

  async #send(picture: RawPicture, index: number): Promise<void> {
    const bytes = await encodePicture(picture, { format: this.#format }).catch(() => undefined)
    if (!bytes) return
    const type = `${this.#options.prefix}.partial_image`
    this.#channel.push({
      event: type,
      data: {
        type,
        b64_json: new Base64Bytes(bytes),
        partial_image_index: index,
        created_at: Math.floor(Date.now() / 1000),
        size: formatSize(picture),
        quality: resolvedQuality(this.#options.quality),
        background: picture.channels === 4 ? 'transparent' : 'opaque',
        output_format: this.#format,
      },
    })
  }
}
