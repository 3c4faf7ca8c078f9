import { randomBytes } from 'node:crypto'
import { DiffgentorError, toDiffgentorError } from '../../../errors.ts'
import { type StartedDrawing, startDrawing } from '../../drawing.ts'
import { describeProblem } from '../../http/problem.ts'
import type { ImageStore } from '../../image-store.ts'
import { warningTexts } from '../../requests/drawing-headers.ts'
import type { Services } from '../../services.ts'
import { planExtension } from './plan-extension.ts'
import type { Video, VideoPlan } from './video.ts'
import { keepVideo, removeFiles } from './video-files.ts'

interface Entry {
  video: Video
  controller: AbortController
  work: Promise<void>
}

/** Finished videos remembered at most; the oldest go first. */
const MAX_FINISHED = 1000

/** Videos that were ordered, until their time is over. They live as long as the server. */
export class VideoBoard {
  readonly #services: Services
  readonly #entries = new Map<string, Entry>()

  constructor(services: Services) {
    this.#services = services
    services.closing.add((now) => this.#close(now))
  }

  /** Puts a video into the server's queue. Throws at once when the queue is full. */
  async order(plan: VideoPlan, owner: string, remixedFrom?: string): Promise<Video> {
    const { edit, ...request } = plan.order.request
    const kept = [...(edit?.images ?? []), ...(plan.beginning ? [plan.beginning] : [])]
    const video: Video = {
      id: `video_${randomBytes(16).toString('hex')}`,
      owner,
      plan: { ...plan, beginning: undefined, order: { ...plan.order, request } },
      createdAt: unixSeconds(),
      remixedFrom,
      reference: undefined,
      goesOn: plan.beginning !== undefined,
      size: plan.size,
      state: 'pending',
      ticket: undefined,
      share: 0,
      startedAt: undefined,
      completedAt: undefined,
      expiresAt: undefined,
      inferenceSeconds: undefined,
      files: undefined,
      error: undefined,
      warnings: [],
    }
    const controller = new AbortController()
    const started = startDrawing(this.#services, plan.order, {
      signal: controller.signal,
      onProgress: (event) => {
        if (event.phase === 'start') video.startedAt = performance.now()
        if (event.phase === 'step-end') video.share = event.step / event.totalSteps
      },
    })
    video.ticket = started.ticket
    const entry: Entry = { video, controller, work: Promise.resolve() }
    this.#entries.set(video.id, entry)
    entry.work = this.#follow(entry, plan, started)
    if (kept.length > 0) video.reference = await this.#store.add(kept, 'application/octet-stream')
    return video
  }

  /** Another video with the same settings, seed and pictures, but other words. */
  async remix(id: string, owner: string, prompt: string): Promise<Video> {
    const { video } = this.#find(id, owner)
    const { order } = video.plan
    const kept = video.reference === undefined ? [] : await this.#readReference(video.reference)
    const beginning = video.goesOn ? kept.pop() : undefined
    const edit = kept.length > 0 ? { images: kept } : undefined
    const plan = { ...video.plan, beginning, order: { ...order, request: { ...order.request, prompt, edit } } }
    return await this.order(plan, owner, id)
  }

  /** Another video that begins with all of a finished one and goes on for so many seconds. */
  async extend(id: string, owner: string, prompt: string, seconds: number | undefined): Promise<Video> {
    const { video } = this.#find(id, owner)
    const film = video.files && (await this.#store.read(video.files.video, 0))
    if (!film) {
      throw new DiffgentorError('invalid_request', 'Only a video that is completed can be extended.', { field: 'video' })
    }
    return await this.order(await planExtension(video, film.bytes, prompt, seconds), owner, id)
  }

  /** Throws `not_found` for a video that does not exist, is over, or belongs to another key. */
  get(id: string, owner: string): Video {
    return this.#find(id, owner).video
  }

  /** A caller's videos, oldest first. */
  list(owner: string): Video[] {
    this.#forget()
    return [...this.#entries.values()].map(({ video }) => video).filter((video) => video.owner === owner)
  }

  /** Stops a video and removes its files. A step that is being drawn may still end on its own. */
  async remove(id: string, owner: string): Promise<void> {
    await this.#drop(this.#find(id, owner))
  }

  get #store(): ImageStore {
    return this.#services.store!
  }

  async #follow({ video, controller }: Entry, plan: VideoPlan, { drawing }: StartedDrawing): Promise<void> {
    try {
      const { images, warnings } = await drawing
      const [image] = images
      video.size = image!.size
      const files = await keepVideo(this.#store, plan, image!, controller.signal)
      // It may have been removed in the meantime.
      if (!this.#entries.has(video.id)) await removeFiles(this.#store, files)
      video.files = files
      video.warnings = warningTexts({ warnings })
      video.inferenceSeconds = (performance.now() - (video.startedAt ?? performance.now())) / 1000
      this.#finish(video, 'completed')
    } catch (thrown) {
      const error = toDiffgentorError(thrown)
      this.#services.metrics.countFailure(error.code)
      const { code, message } = describeProblem(error)
      video.error = { code: code ?? 'server_error', message }
      this.#finish(video, 'failed')
    }
  }

  #finish(video: Video, state: 'completed' | 'failed'): void {
    video.state = state
    // A finished ticket holds every frame that was drawn.
    video.ticket = undefined
    if (state === 'completed') video.completedAt = unixSeconds()
    video.expiresAt = unixSeconds() + Math.ceil(this.#services.settings.imageTtl)
    this.#forget()
  }

  #find(id: string, owner: string): Entry {
    this.#forget()
    const entry = this.#entries.get(id)
    if (entry?.video.owner === owner) return entry
    throw new DiffgentorError('not_found', 'Video not found')
  }

  async #readReference(reference: string): Promise<Uint8Array[]> {
    const count = this.#store.count(reference)
    if (count === undefined) throw new DiffgentorError('not_found', 'The picture that this video began with is no longer kept.')
    const pictures = await Promise.all(Array.from({ length: count }, (_, place) => this.#store.read(reference, place)))
    return pictures.map((picture) => picture!.bytes)
  }

  /** Lets go of what is over, and of the oldest where there are too many. */
  #forget(): void {
    const finished = [...this.#entries.values()].filter(({ video }) => video.state !== 'pending')
    const now = unixSeconds()
    finished.forEach((entry, place) => {
      const isOver = (entry.video.expiresAt ?? now) < now || finished.length - place > MAX_FINISHED
      if (isOver) void this.#drop(entry)
    })
  }

  async #drop({ video, controller }: Entry): Promise<void> {
    this.#entries.delete(video.id)
    controller.abort(new DiffgentorError('cancelled', 'The video was deleted.'))
    await removeFiles(this.#store, video.files)
    if (video.reference !== undefined) await this.#store.remove(video.reference)
  }

  /** Waits for what was accepted, unless there is no time. */
  async #close(now: AbortSignal): Promise<void> {
    const entries = [...this.#entries.values()]
    const stop = () => {
      for (const { controller } of entries) controller.abort()
    }
    if (now.aborted) stop()
    else now.addEventListener('abort', stop, { once: true })
    await Promise.all(entries.map(({ work }) => work))
  }
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
