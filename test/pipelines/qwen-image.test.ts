import type { TransformerCase } from '../support/transformer-goldens.ts'
import { describeTransformer } from '../support/transformer-suite.ts'

const readsOnePicture = ({ pipeline }: TransformerCase) => pipeline === 'QwenImageEditPipeline'

describeTransformer({ model: 'qwen_image' })
describeTransformer({ model: 'qwen_image_edit', cases: (golden) => !readsOnePicture(golden) })
describeTransformer({ model: 'qwen_image_edit', modelType: 'qwen-image-edit', cases: readsOnePicture })
describeTransformer({ model: 'qwen_image_edit_zero_t' })
