import { listPngChunks, makeTextChunk, PNG_SIGNATURE_LENGTH, readTextChunk } from './png-chunks.ts'

/** Keyword under which A1111 and its gallery tools keep their text. */
export const INFOTEXT_KEYWORD = 'parameters'
/** Keyword of our JSON. */
export const RECIPE_KEYWORD = 'diffgentor'

/** What is neither pixels nor how to show them: texts, EXIF, modification time, content credentials. */
const METADATA_TYPES = new Set(['tEXt', 'zTXt', 'iTXt', 'eXIf', 'tIME', 'caBX'])

/**
 * Puts the two texts of a recipe into a PNG in place of older ones, without touching the picture. Without texts every kind of
 * metadata goes but color profiles. A modification time always goes. The new file is given as pieces, which share the old one's memory.
 */
export function setPngMetadata(bytes: Uint8Array, texts: { infotext: string; json: string } | undefined): Uint8Array[] {
  const parts: Uint8Array[] = [bytes.subarray(0, PNG_SIGNATURE_LENGTH)]
  for (const chunk of listPngChunks(bytes)) {
    const keyword = readTextChunk(chunk)?.keyword
    const isReplaced = keyword === INFOTEXT_KEYWORD || keyword === RECIPE_KEYWORD || chunk.type === 'tIME'
    if (texts ? isReplaced : METADATA_TYPES.has(chunk.type)) continue
    parts.push(chunk.whole)
    if (chunk.type === 'IHDR' && texts) {
      parts.push(makeTextChunk(INFOTEXT_KEYWORD, texts.infotext), makeTextChunk(RECIPE_KEYWORD, texts.json))
    }
  }
  return parts
}
