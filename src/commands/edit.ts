import type { CommandModule } from 'yargs'
import type { CommandContext } from './command.ts'
import { declareSettings } from './options.ts'

/** `diffgentor edit`: pictures and instructions become edited pictures. */
export const editCommand = (context: CommandContext): CommandModule => ({
  command: 'edit',
  describe: 'Turn pictures and instructions into edited pictures',
  builder: (yargs) =>
    declareSettings(yargs, 'edit')
      .example('$0 edit --input edits.csv', 'Each row has an image and an instruction')
      .example('$0 edit --input photos/ --instruction "a watercolor"', 'One instruction for a folder of pictures')
      .example('$0 edit --input in.png --instruction "a green apple" --strength 0.6', 'One picture')
      .epilogue('Run the same command again to go on where it stopped. Columns and formats: docs/batch.md.'),
  handler: async (args) => {
    const { runBatchCommand } = await import('./run-batch-command.ts')
    await runBatchCommand('edit', args, context)
  },
})
