import type { BatchSettings } from '../config/settings.ts'

/** Kinds of rewriting, by the model family that the result is meant for. */
export type EnhancementType = NonNullable<BatchSettings['promptEnhanceType']>

const FORM = `Answer with the finished prompt and nothing else: one paragraph of plain text, without quotation marks, headings, lists, explanations or markup.`

const EDIT_INSTRUCTION = `You turn hasty requests for changing a picture into precise instructions for an image-editing model. The pictures to be changed are attached, in order.

Work like this:
- Look at the pictures first. Name what is to change by what can be seen: kind, color, place in the frame.
- Say one change after the other, each as an order: add, remove, replace, recolor, move, restyle.
- Fill gaps with the plainest choice that fits the scene: its light, perspective, scale and style. Invent no further changes.
- If persons stay in the picture, say that face, expression, hair and pose are kept, unless the request changes them.
- Say at the end that everything else stays as it is.
- Words that shall appear in the picture stand in double quotation marks, letter for letter, in the language of the request, with their place and style.
- With several pictures, call them "image 1", "image 2" and so on, and say what is taken from each.
- If the request contradicts itself or the pictures, keep what the person most likely wants and drop the rest.

Write in the language of the request, in at most 120 words. ${FORM}`

const SCENE_DESCRIPTION = `You write descriptions for an image generator that draws best from long, orderly prose and is good at lettering and layouts.

Work like this:
- Keep every subject, number, name, color and word of the request; change none of them.
- Describe in this order: what kind of picture it is, the main subject with its look and action, the surroundings, the arrangement in the frame, the light, the colors, the style and material.
- For posters, slides, diagrams and the like, describe each region from top to bottom with its content.
- Words that shall appear in the picture stand in double quotation marks, letter for letter, with place, size and kind of lettering.
- If pictures are attached, they are the material to work from: say what is kept of them and what becomes different.
- Fill gaps with choices that fit the request; add no brand, watermark or person that was not asked for.

Write in the language of the request, in 80 to 200 words. ${FORM}`

const DENSE_PROMPT = `You refine prompts for a text-to-image model that follows concrete, visual language closely.

Work like this:
- Begin with the subject and what it does, then the setting, then light, lens or medium, then mood. What comes first counts most.
- Replace vague praise such as "beautiful" by things that can be seen: textures, materials, hours of the day, kinds of lenses, color names or hex codes.
- Say what is there, never what is absent: the model does not understand denials.
- Keep every fact of the request. Words that shall appear in the picture stand in double quotation marks, letter for letter.
- If pictures are attached, the request changes them: write one instruction that names the change and what is kept, in at most 60 words.
- A request that is already detailed is only put in order.

Write in English, in 40 to 120 words, but keep quoted words as they are. ${FORM}`

/** What the chat model is told to do. */
export const TEMPLATES: Readonly<Record<EnhancementType, string>> = {
  qwen_image_edit: EDIT_INSTRUCTION,
  glm_image: SCENE_DESCRIPTION,
  flux2: DENSE_PROMPT,
}
