import type { OfferedFile } from './http/file-answer.ts'
import type { ImageStore } from './image-store.ts'

/** Endings of the types that the store keeps. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'video/mp4': 'mp4',
}

/** A picture or film of the store as callers fetch it, saved under a name of which the ending is not part; undefined when there is none. */
export function offerStored(store: ImageStore, id: string, variant: number, name: string): OfferedFile | undefined {
  const facts = store.look(id, variant)
  return (
    facts && {
      ...facts,
      // Ids are never used again, and what they stand for never changes.
      tag: `${id}-${variant}`,
      filename: `${name}.${EXTENSIONS[facts.type] ?? 'bin'}`,
      read: (part) => store.readPart(id, variant, part),
    }
  )
}
