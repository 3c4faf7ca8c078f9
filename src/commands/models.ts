import type { CommandModule } from 'yargs'
import type { CommandContext } from './command.ts'
import { refuseStrayWords } from './options.ts'
export const modelsCommand = ({ terminal }: CommandContext): CommandModule => ({
  command: 'models',
  describe: 'x',
  handler: (args) => {
    refuseStrayWords(args, 1)
    terminal.stdout.write('')
  },
})
