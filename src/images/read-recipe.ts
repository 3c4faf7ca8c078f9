import sharp from 'sharp'
import { readExifComment } from './exif-comment.ts'
import { parseInfotext } from './infotext.ts'
import { listPngChunks, readTextChunk } from './png-chunks.ts'
import { INFOTEXT_KEYWORD, RECIPE_KEYWORD } from './png-metadata.ts'
import { parseRecipe, type Recipe } from './recipe.ts'
import { sniffFormat } from './sniff-format.ts'
import { readXmpRecipe } from './xmp-packet.ts'

export interface StoredRecipe {
  recipe: Recipe
  /** `a1111`: read from the text that other tools write too, so it may not tell everything. */
  source: 'diffgentor' | 'a1111'
}

/** Reads the recipe that a file carries; undefined when there is none that is understood. */
export async function readRecipe(bytes: Uint8Array): Promise<StoredRecipe | undefined> {
  const format = sniffFormat(bytes)?.format
  if (format === undefined) return undefined
  const { json, infotext } = format === 'png' ? readPngTexts(bytes) : await readBlocks(bytes)
  const recipe = json === undefined ? undefined : parseRecipe(json)
  if (recipe) return { recipe, source: 'diffgentor' }
  const foreign = infotext === undefined ? undefined : parseInfotext(infotext)
  return foreign && { recipe: foreign, source: 'a1111' }
}

/** The text for A1111 and its gallery tools that a file carries, as it stands there; undefined when there is none. */
export async function readInfotext(bytes: Uint8Array): Promise<string | undefined> {
  const format = sniffFormat(bytes)?.format
  return format === 'png' ? readPngTexts(bytes).infotext : (await readBlocks(bytes)).infotext
}

interface StoredTexts {
  json?: string | undefined
  infotext?: string | undefined
}

function readPngTexts(bytes: Uint8Array): StoredTexts {
  const texts: StoredTexts = {}
  for (const chunk of listPngChunks(bytes)) {
    const text = readTextChunk(chunk)
    if (text?.keyword === RECIPE_KEYWORD) texts.json = text.text
    if (text?.keyword === INFOTEXT_KEYWORD) texts.infotext = text.text
  }
  return texts
}

async function readBlocks(bytes: Uint8Array): Promise<StoredTexts> {
  const metadata = await sharp(bytes)
    .metadata()
    .catch(() => undefined)
  return {
    json: metadata?.xmp && readXmpRecipe(metadata.xmp),
    infotext: metadata?.exif && readExifComment(metadata.exif),
  }
}
