import { DiffgentorError } from '../../../errors.ts'
import { OUTPUT_FORMATS } from '../../../images/encode-picture.ts'
import type { Drawing, DrawnImage } from '../../drawing.ts'
import { Base64Bytes, jsonAnswer } from '../../http/json-answer.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { describeVerdicts, drawingHeaders, warningTexts } from '../../requests/drawing-headers.ts'
import { formatSize } from '../../requests/size-text.ts'
import type { Services } from '../../services.ts'
import { zipStored } from '../../zip-archive.ts'

export type ResponseFormat = 'b64_json' | 'url' | 'file'

/** Reads `response_format`. `url` needs the picture store. */
export function readResponseFormat(services: Services, text: string | undefined): ResponseFormat {
  const word = text?.trim().toLowerCase() || 'b64_json'
  if (word === 'b64_json' || word === 'file' || (word === 'url' && services.store)) return word
  throw new DiffgentorError('invalid_request', `response_format=${text} is not supported`, { field: 'response_format' })
}

/** Fields of an answer that say what was drawn. */
export interface DrawnFacts {
  quality: string | undefined
}

/** The answer to a generation, an edit or a variation. */
export async function answerImages(
  services: Services,
  c: ServerContext,
  drawing: Drawing,
  format: ResponseFormat,
  facts: DrawnFacts,
): Promise<Response> {
  const headers = drawingHeaders(drawing)
  if (format === 'file') return answerFile(drawing, headers)
  const urls = format === 'url' ? await storeImages(services, c, drawing) : undefined
  const data = drawing.images.map((image, place) => ({
    b64_json: urls ? null : new Base64Bytes(image.bytes),
    url: urls?.[place] ?? null,
    revised_prompt: image.revisedPrompt ?? null,
  }))
  const body = {
    created: Math.floor(Date.now() / 1000),
    data,
    ...describeDrawing(drawing, facts),
    warnings: warningTexts(drawing),
  }
  return jsonAnswer(body, 200, headers)
}

/** What answers and events say about the pictures: resolved values, never `auto`. */
export function describeDrawing(drawing: Drawing, { quality }: DrawnFacts) {
  const [first] = drawing.images
  return {
    background: describeBackground(first),
    output_format: drawing.format,
    size: first ? formatSize(first.size) : null,
    quality: resolvedQuality(quality),
    usage: describeUsage(drawing),
    ...describeVerdicts(drawing),
  }
}

/** A quality that says what was drawn; null for one that leaves it to the model. */
export function resolvedQuality(quality: string | undefined): string | null {
  return quality !== undefined && ['low', 'medium', 'high'].includes(quality) ? quality : null
}

function describeBackground(image: DrawnImage | undefined): string | null {
  if (image?.hasAlpha === undefined) return null
  return image.hasAlpha ? 'transparent' : 'opaque'
}

function describeUsage({ usage }: Drawing): object | null {
  if (usage?.inputTokens === undefined && usage?.outputTokens === undefined) return null
  const { inputTokens = 0, inputImageTokens = 0, outputTokens = 0 } = usage
  return {
    input_tokens: inputTokens,
    input_tokens_details: { image_tokens: inputImageTokens, text_tokens: inputTokens - inputImageTokens },
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  }
}

async function storeImages({ store, settings }: Services, c: ServerContext, drawing: Drawing): Promise<string[]> {
  const bytes = drawing.images.map((image) => image.bytes)
  const id = await store!.add(bytes, OUTPUT_FORMATS[drawing.format].mime)
  const base = settings.relativeUrls ? '' : publicBase(settings.publicBaseUrl, c)
  return bytes.map((_, variant) => `${base}/v1/images/${id}/content${bytes.length > 1 ? `?variant=${variant}` : ''}`)
}

function publicBase(configured: string | undefined, c: ServerContext): string {
  return configured?.replace(/\/+$/, '') ?? new URL(c.req.url).origin
}

function answerFile({ images, format }: Drawing, headers: Record<string, string>): Response {
  const { mime, extension } = OUTPUT_FORMATS[format]
  const [only] = images
  const isSingle = images.length === 1 && only
  const bytes = isSingle
    ? only.bytes
    : zipStored(images.map((image, place) => ({ name: `image_${place}${extension}`, bytes: image.bytes })))
  const name = isSingle ? `image${extension}` : 'images.zip'
  return new Response(bytes, {
    headers: {
      ...headers,
      'content-type': isSingle ? mime : 'application/zip',
      'content-disposition': `attachment; filename="${name}"`,
    },
  })
}
