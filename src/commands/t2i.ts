import type { CommandModule } from 'yargs'
import { mergeSettings } from '../config/merge-settings.ts'
import type { CommandContext } from './command.ts'
import { declareSettings, readGivenFlags } from './options.ts'

export const t2iCommand = ({ terminal }: CommandContext): CommandModule => ({
  command: 't2i',
  describe: 'Turn prompts into pictures',
  builder: (yargs) =>
    declareSettings(yargs, 't2i')
      .example('$0 t2i --prompt "a red apple"', 'One picture, with the built-in model')
      .example('$0 t2i --prompts_file prompts.csv --num_images_per_prompt 4', 'Four pictures for each row')
      .example('$0 t2i --prompts_file prompts.txt --backend openai --model_name gpt-image-1', 'With a hosted model'),
  handler: async (args) => {
    const merged = mergeSettings('t2i', readGivenFlags(args, 't2i'))
    terminal.stdout.write(JSON.stringify(merged.values))
  },
})
