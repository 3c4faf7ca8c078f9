/** What Qwen-Image tells Qwen2.5-VL around a prompt. The states of the first tokens, which belong to the telling, are left out. */
export interface PromptTemplate {
  readonly before: string
  readonly after: string
  readonly leftOut: number
}

/** One picture within a message; the language model gets one such token for each token of the vision tower. */
export const PICTURE_TOKEN = '<|image_pad|>'

const ANSWER = '<|im_end|>\n<|im_start|>assistant\n'
const LOOK_AND_CHANGE =
  "Describe the key features of the input image (color, shape, size, texture, objects, background), then explain how the user's text instruction should alter or modify the image. Generate a new image that meets the user's requirements while maintaining consistency with the original input where appropriate."

/** Text to picture. */
export const TEXT_TEMPLATE: PromptTemplate = {
  before: `<|im_start|>system\nDescribe the image by detailing the color, shape, size, texture, quantity, text, spatial relationships of the objects and background:<|im_end|>\n<|im_start|>user\n`,
  after: ANSWER,
  leftOut: 34,
}

/** Edits; the pictures stand in the message before the prompt. */
export const EDIT_TEMPLATE: PromptTemplate = {
  before: `<|im_start|>system\n${LOOK_AND_CHANGE}<|im_end|>\n<|im_start|>user\n`,
  after: ANSWER,
  leftOut: 64,
}

/** Pictures of an edit before its prompt, with the number of tokens of each. */
export function writePictures(tokens: readonly number[], isNumbered: boolean): string {
  return tokens
    .map((count, i) => {
      const name = isNumbered ? `Picture ${i + 1}: ` : ''
      return `${name}<|vision_start|>${PICTURE_TOKEN.repeat(count)}<|vision_end|>`
    })
    .join('')
}
