import { OUTPUT_FORMATS } from '../../../images/encode-picture.ts'
import { type DrawContext, type DrawOrder, type StartedDrawing, startDrawing } from '../../drawing.ts'
import { warningTexts } from '../../requests/drawing-headers.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import { EDIT_FIELDS, GENERATION_FIELDS } from '../openai/image-fields.ts'
import { readEdit, readGeneration } from '../openai/read-order.ts'
import type { JobRecord } from './job.ts'
import type { JobRun } from './job-board.ts'

/** What finished work puts into the record, or that it waits for the next start of the server. */
export type JobOutcome = Partial<JobRecord> | 'postponed'

/** Draws a generation or an edit through the server's queue, and keeps its pictures. */
export async function runDrawingJob(run: JobRun): Promise<JobOutcome> {
  const { services, store, record, report, closing } = run
  const order = await readOrder(run)
  const waiting = new AbortController()
  // Work may begin, and tell so, before its ticket is in hand.
  let started: StartedDrawing | undefined
  // Both change while the job waits, whenever other work ends.
  const tell = (share: number) =>
    report({
      share,
      get position() {
        return started?.ticket.position ?? 0
      },
      get etaSeconds() {
        return started?.ticket.etaSeconds
      },
    })
  const total = order.request.numImages
  const context: DrawContext = {
    signal: AbortSignal.any([run.signal, waiting.signal]),
    onProgress: (event) => {
      const share = event.phase === 'step-end' ? (event.image + event.step / event.totalSteps) / total : undefined
      if (share !== undefined) tell(share)
      else if (event.phase === 'start') tell(0)
    },
  }
  started = startDrawing(services, { ...order, skipsLimit: true }, context)
  const { ticket, drawing } = started
  tell(0)
  const leave = () => {
    if (ticket.state === 'waiting') waiting.abort()
  }
  closing.addEventListener('abort', leave, { once: true })
  try {
    const { images, format, warnings } = await drawing
    const outputs = images.map((image, place) => ({
      file: `image_${place}${OUTPUT_FORMATS[format].extension}`,
      bytes: image.bytes.byteLength,
      seed: image.seed ?? null,
    }))
    for (const [place, image] of images.entries()) await store.addOutput(record.id, outputs[place]!.file, image.bytes)
    return { state: 'completed', outputs, warnings: warningTexts({ warnings }) }
  } catch (error) {
    if (waiting.signal.aborted) return 'postponed'
    throw error
  } finally {
    closing.removeEventListener('abort', leave)
  }
}

/** The same order as when the job was accepted: fields and pictures were kept. */
async function readOrder({ services, store, record }: JobRun): Promise<DrawOrder> {
  if (record.kind === 'generation') {
    return await readGeneration(services, parseFields(GENERATION_FIELDS, record.fields), record.isAdmin)
  }
  const images = await Promise.all(
    record.inputs.filter((name) => name !== record.mask?.name).map((name) => store.readInput(record.id, name)),
  )
  const mask = record.mask && { bytes: await store.readInput(record.id, record.mask.name), meaning: record.mask.meaning }
  return await readEdit(services, parseFields(EDIT_FIELDS, record.fields), { images, mask }, record.isAdmin)
}
