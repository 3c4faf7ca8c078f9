import type { CommandModule } from 'yargs'
import type { CommandContext } from './command.ts'
import { declareSettings } from './options.ts'

/** `diffgentor t2i`: prompts become pictures. */
export const t2iCommand = (context: CommandContext): CommandModule => ({
  command: 't2i',
  describe: 'Turn prompts into pictures',
  builder: (yargs) =>
    declareSettings(yargs, 't2i')
      .example('$0 t2i --prompt "a red apple"', 'One picture, with the built-in model')
      .example('$0 t2i --prompts_file prompts.csv --num_images_per_prompt 4', 'Four pictures for each row')
      .example('$0 t2i --prompts_file prompts.txt --backend openai --model_name gpt-image-1', 'With a hosted model')
      .epilogue('Run the same command again to go on where it stopped. Columns and formats: docs/batch.md.'),
  handler: async (args) => {
    const { runBatchCommand } = await import('./run-batch-command.ts')
    await runBatchCommand('t2i', args, context)
  },
})
