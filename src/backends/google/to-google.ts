import type { Content, GenerateContentParameters } from '@google/genai'
import type { ImageRequest, ImageWarning } from '../../contract/index.ts'
import type { PictureFormat } from '../../images/sniff-format.ts'
import { Enclosures } from '../hosted/enclosures.ts'
import { prepareUpload } from '../hosted/upload-picture.ts'
import { type SortedFields, sortFields, toCamelCase } from './google-fields.ts'
import type { GoogleModel } from './google-models.ts'
import { checkRatio, type PictureShape, shapeOf } from './picture-shape.ts'

const FORMATS: readonly PictureFormat[] = ['png', 'jpeg', 'webp']

/** What a model is and how it is set up. */
export interface GoogleTarget {
  modelId: string
  model: GoogleModel
  /** Asked for when a request has no size. */
  defaultRatio: string | undefined
}

/** A request for generateContent: the instruction, then the pictures in order. */
export async function toGenerateContent(
  request: ImageRequest,
  target: GoogleTarget,
): Promise<{ call: GenerateContentParameters; enclosures: Enclosures; warnings: ImageWarning[] }> {
  const enclosures = new Enclosures()
  const fields = sortFields(request.extra ?? {})
  const { shape, warnings } = chooseShape(request, target, fields)
  const imageConfig = { ...shape, ...(fields.config['imageConfig'] as object | undefined) }
  const config = {
    responseModalities: ['IMAGE'],
    ...fields.config,
    ...(Object.keys(imageConfig).length > 0 && { imageConfig }),
    ...(Object.keys(fields.body).length > 0 && { httpOptions: { extraBody: fields.body } }),
  }
  return { call: { model: target.modelId, contents: [await toContent(request, enclosures)], config }, enclosures, warnings }
}

/** The body of a predict call to an Imagen model. */
export function toPredict(
  request: ImageRequest,
  target: GoogleTarget,
): { body: Record<string, unknown>; warnings: ImageWarning[] } {
  const fields = sortFields(request.extra ?? {})
  const { shape, warnings } = chooseShape(request, target, fields)
  const named = Object.entries({ ...fields.config, ...fields.body }).map(([key, value]) => [toCamelCase(key), value])
  const parameters = {
    sampleCount: request.numImages,
    ...(shape.aspectRatio && { aspectRatio: shape.aspectRatio }),
    ...(shape.imageSize && { sampleImageSize: shape.imageSize }),
    ...Object.fromEntries(named),
  }
  return { body: { instances: [{ prompt: request.prompt }], parameters }, warnings }
}

/** Words among the extra fields outrank the size, and the size outranks the setting. */
function chooseShape(
  { size }: ImageRequest,
  { model, modelId, defaultRatio }: GoogleTarget,
  { aspectRatio, imageSize }: SortedFields,
): { shape: PictureShape; warnings: ImageWarning[] } {
  const fromSize = size && !aspectRatio ? shapeOf(size, model) : undefined
  const ratio = aspectRatio ?? (size ? undefined : defaultRatio)
  const shape = {
    ...fromSize?.shape,
    ...(ratio !== undefined && { aspectRatio: checkRatio(ratio, model, modelId) }),
    ...(imageSize !== undefined && { imageSize }),
  }
  return { shape, warnings: fromSize ? [fromSize.warning] : [] }
}

async function toContent({ prompt, edit }: ImageRequest, enclosures: Enclosures): Promise<Content> {
  const images = edit?.images ?? []
  const uploads = await Promise.all(images.map((image, at) => prepareUpload(image, FORMATS, `image-${at + 1}`)))
  const pictures = uploads.map(({ bytes, mime }) => ({ inlineData: { mimeType: mime, data: enclosures.asText(bytes) } }))
  return { role: 'user', parts: [{ text: prompt }, ...pictures] }
}
