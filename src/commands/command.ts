import type { CommandModule } from 'yargs'
import type { Terminal } from './terminal.ts'

/** What a command is made with. It reports its exit code instead of ending the process. */
export interface CommandContext {
  terminal: Terminal
  setExitCode: (code: number) => void
}

/** A command, made when it is named. */
export type MakeCommand = (context: CommandContext) => CommandModule
