import type { EditSource, Size } from '../../contract/index.ts'
import { hashBytes } from '../../event-loop/hash-bytes.ts'
import { type MaskMeaning, prepareMask } from '../../images/edit-mask.ts'
import { prepareSource } from '../../images/prepare-source.ts'
import type { ServedModel } from '../model-pool.ts'
import { defaultEditSize } from './edit-size.ts'

/** The pictures of an edit as callers sent them. */
export interface SentPictures {
  /** At least one. */
  images: readonly Uint8Array[]
  mask?: { bytes: Uint8Array; meaning: MaskMeaning } | undefined
}

/** What an order needs to know of its pictures beside the edit itself. */
export interface SourceFacts {
  /** SHA-256 of each file as sent, and of the mask's. */
  sourceHashes: readonly string[]
  maskHash: string | undefined
  /** Sentences about what was left out of the sources. */
  notes: readonly string[]
}

export interface PreparedEdit {
  edit: EditSource
  /** The size to draw at; absent: the source's, which the backend sees to. */
  size: Size | undefined
  facts: SourceFacts
}

/** Makes pictures fit for a model, the same way as on the command line: upright, sRGB, without alpha for local models. */
export async function prepareEdit(model: ServedModel, sent: SentPictures, asked: Size | undefined): Promise<PreparedEdit> {
  const { capabilities } = model.backend
  const alpha = capabilities.paid ? 'keep' : 'white'
  const sources = await Promise.all(sent.images.map((bytes) => prepareSource(bytes, { alpha })))
  const firstSize = sources[0]!.size
  const mask = sent.mask && (await prepareMask(sent.mask.bytes, firstSize, sent.mask.meaning))
  const edit: EditSource = { images: sources.map((source) => source.bytes), mask }
  const facts: SourceFacts = {
    sourceHashes: await Promise.all(sent.images.map(hashBytes)),
    maskHash: sent.mask && (await hashBytes(sent.mask.bytes)),
    notes: sources.flatMap((source) => source.notes),
  }
  return { edit, size: asked ?? defaultEditSize(model.backend, firstSize), facts }
}
