import { writeInfotext } from '../../../images/infotext.ts'
import type { Recipe } from '../../../images/recipe.ts'
import { samplerNames } from '../../../images/sampler-names.ts'
import { Base64Bytes, jsonAnswer } from '../../http/json-answer.ts'
import { describeVerdicts, drawingHeaders, warningTexts } from '../../requests/drawing-headers.ts'
import type { Sitting } from './desk.ts'
import type { Img2imgFields, Txt2imgFields } from './draw-fields.ts'
import type { DrawPlan } from './read-draw.ts'
import type { DrawnTurn } from './run-draw.ts'

/** The answer of txt2img and img2img. */
export function answerDraw(
  fields: Txt2imgFields | Img2imgFields,
  plan: DrawPlan,
  sitting: Sitting,
  turns: readonly DrawnTurn[],
): Response {
  const images = turns.flatMap(({ drawing }) => drawing.images)
  const warnings = [...plan.warnings, ...distinct(turns)]
  const sends = fields.send_images !== false
  const body = {
    images: sends ? images.map((image) => new Base64Bytes(image.bytes)) : [],
    parameters: echo(fields),
    info: JSON.stringify(describeDraw(fields, plan, sitting, turns)),
    warnings: warningTexts({ warnings }),
    ...describeVerdicts({ images }),
  }
  return jsonAnswer(body, 200, drawingHeaders({ images, warnings, usage: undefined, format: 'png' }))
}

function distinct(turns: readonly DrawnTurn[]) {
  const all = turns.flatMap(({ drawing }) => drawing.warnings)
  return [...new Map(all.map((warning) => [warning.detail, warning])).values()]
}

/** What was sent; pictures only where asked for. */
function echo(fields: Txt2imgFields | Img2imgFields): Record<string, unknown> {
  if (!('init_images' in fields)) return fields
  const { init_images: sources, mask, include_init_images: includes } = fields
  const carry = (picture: unknown) => (picture instanceof Uint8Array ? new Base64Bytes(picture) : picture)
  return { ...fields, init_images: includes ? sources?.map(carry) : null, mask: includes && mask ? carry(mask) : null }
}

function describeDraw(fields: Txt2imgFields, plan: DrawPlan, sitting: Sitting, turns: readonly DrawnTurn[]): object {
  const images = turns.flatMap(({ drawing }) => drawing.images)
  const first: Partial<Recipe> = images[0]?.recipe ?? {}
  const seeds = images.map((image) => image.seed ?? -1)
  const subseeds = turns.flatMap(({ order, drawing }) => drawing.images.map(() => order.request.diffusion?.variationSeed ?? -1))
  const { request } = plan.orders[0]!
  return {
    prompt: plan.prompt,
    all_prompts: images.map(() => plan.prompt),
    negative_prompt: plan.negativePrompt,
    all_negative_prompts: images.map(() => plan.negativePrompt),
    seed: seeds[0] ?? -1,
    all_seeds: seeds,
    subseed: subseeds[0] ?? -1,
    all_subseeds: subseeds,
    subseed_strength: request.diffusion?.variationStrength ?? 0,
    width: first.width ?? request.size?.width ?? null,
    height: first.height ?? request.size?.height ?? null,
    sampler_name: samplerNames(first.scheduler, first.schedulerConfig).sampler ?? fields.sampler_name ?? null,
    cfg_scale: first.guidanceScale ?? request.guidanceScale ?? null,
    steps: first.numInferenceSteps ?? request.numInferenceSteps ?? null,
    batch_size: fields.batch_size ?? 1,
    restore_faces: false,
    face_restoration_model: null,
    sd_model_name: plan.model.id,
    sd_model_hash: first.modelHash?.slice(0, 10) ?? '',
    denoising_strength: request.edit?.strength ?? plan.hires?.strength ?? null,
    index_of_first_image: 0,
    infotexts: images.map((image) => writeInfotext({ ...image.recipe, prompt: plan.prompt })),
    styles: [],
    job_timestamp: formatTimestamp(sitting.startedAt),
    clip_skip: (request.diffusion?.clipSkip ?? 0) + 1,
    seed_resize_from_w: request.diffusion?.seedResizeFrom?.width ?? -1,
    seed_resize_from_h: request.diffusion?.seedResizeFrom?.height ?? -1,
    is_using_inpainting_conditioning: false,
    version: first.version ?? '',
  }
}

/** `20261121190000`. */
export function formatTimestamp(time: Date): string {
  return time.toISOString().replace(/\D/g, '').slice(0, 14)
}
