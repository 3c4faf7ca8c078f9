import type { MakeCommand } from './commands/command.ts'
import { normalizeFlags } from './commands/options.ts'
import { formatTable, PROCESS_TERMINAL, type Terminal } from './commands/terminal.ts'
import { nearestName } from './config/nearest-name.ts'
import { VERSION } from './config/version.ts'
import { DiffgentorError, toDiffgentorError } from './errors.ts'
import { toDiskError } from './sinks/disk-errors.ts'

/** Each command's code is imported when it is named, so that `--help` and small commands start at once. */
const COMMANDS: Record<string, { describe: string; load: () => Promise<MakeCommand> }> = {
  t2i: { describe: 'Turn prompts into pictures', load: async () => (await import('./commands/t2i.ts')).t2iCommand },
  edit: {
    describe: 'Turn pictures and instructions into edited pictures',
    load: async () => (await import('./commands/edit.ts')).editCommand,
  },
  serve: { describe: 'Offer the same over HTTP', load: async () => (await import('./commands/serve.ts')).serveCommand },
  models: {
    describe: 'List, describe, download, remove and quantize models',
    load: async () => (await import('./commands/models.ts')).modelsCommand,
  },
  inspect: {
    describe: 'Print the recipe stored in a picture, or draw it again',
    load: async () => (await import('./commands/inspect.ts')).inspectCommand,
  },
  doctor: {
    describe: 'Tell what this machine and this setup can do',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
  },
}

/** Runs one command line and resolves to its exit code. Never throws. */
export async function main(argv: readonly string[], terminal: Terminal = PROCESS_TERMINAL): Promise<number> {
  const words = normalizeFlags(argv)
  const output = watchOutput(terminal)
  try {
    const exitCode = await runCommand(words, terminal)
    if (exitCode === 0) await output.check()
    return exitCode
  } catch (thrown) {
    const error = toDiffgentorError(thrown)
    terminal.stderr.write(`diffgentor: ${error.message}\n`)
    if (words.includes('--verbose') || error.code === 'internal') terminal.stderr.write(`${describeStack(error)}\n`)
    return error.traits.exitCode
  }
}

/**
 * Without a listener, a stream that breaks ends the program in mid-work. A reader who left, such as `head`, has what it wanted,
 * and messages that nobody can read are no reason to stop; results that the disk does not take are an error.
 */
function watchOutput({ stdout, stderr }: Terminal): { check: () => Promise<void> } {
  let fault: NodeJS.ErrnoException | undefined
  stderr.on('error', () => undefined)
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') fault ??= error
  })
  return {
    /** Throws when results were lost. */
    async check() {
      // Streams tell their errors after the write.
      await new Promise(setImmediate)
      if (fault) throw toDiskError(fault, 'Standard output')
    },
  }
}

async function runCommand(words: string[], terminal: Terminal): Promise<number> {
  const name = words.find((word) => !word.startsWith('-'))
  const asksHelp = words.length === 0 || words.includes('--help') || words.includes('-h')
  if (name === undefined) {
    terminal.stdout.write(describeProgram(words, asksHelp))
    return 0
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!entry) throw unknownCommand(name)
  const [makeCommand, { default: yargs }] = await Promise.all([entry.load(), import('yargs')])
  let exitCode = 0
  const setExitCode = (code: number) => {
    exitCode = code
  }
  const command = makeCommand({ terminal, setExitCode })
  if (asksHelp) command.handler = () => undefined
  const parser = yargs(words)
    .scriptName('diffgentor')
    .usage('')
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'negation-prefix': 'no_',
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
    })
    .version(false)
    .help(false)
    .option('help', { type: 'boolean', alias: 'h', describe: 'Show this help', group: 'Messages:' })
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof DiffgentorError ? error : describeUsageFault(error?.message ?? message)
    })
    .wrap(Math.min(120, terminal.stderr.columns ?? 100))
    .command(command)
  if (asksHelp) {
    terminal.stdout.write(`${tidyHelp(await parser.getHelp())}\n`)
    return 0
  }
  await parser.parseAsync()
  return exitCode
}

/** Help of the program itself. It is printed without the parser, whose import costs more than all the rest. */
function describeProgram(words: readonly string[], asksHelp: boolean): string {
  if (words.includes('--version')) return `${VERSION}\n`
  if (!asksHelp) throw new DiffgentorError('invalid_configuration', 'Name a command first, such as t2i; see diffgentor --help.')
  const commands = Object.entries(COMMANDS).map(([name, { describe }]) => [name, describe])
  return `Make and edit images in bulk, on this machine or with hosted models.

Usage: diffgentor <command> [flags]

Commands:
${formatTable(commands, '  ')}
Examples:
${formatTable(
  [
    ['diffgentor t2i --prompt "a red apple"', 'draw one picture with the built-in model'],
    ['diffgentor t2i --prompts_file prompts.txt', 'draw a picture for each line'],
    ['diffgentor t2i --help', 'all flags of a command'],
  ],
  '  ',
)}
Settings also come from DG_* variables and diffgentor.config.json or .yaml (docs/environment.md).
`
}

/** The parser's own complaints, in our words. */
function describeUsageFault(message: string): DiffgentorError {
  const missing = /Not enough arguments following: (\S+)/.exec(message)
  const sentence = missing ? `--${missing[1]} needs a value.` : `${message.replaceAll('\n', ' ').replace(/\.$/, '')}.`
  return new DiffgentorError('invalid_configuration', sentence)
}

/** Every value is text to the parser, so its type column says nothing: the descriptions tell what is expected. */
function tidyHelp(help: string): string {
  return help
    .replace(/\n *\[(string|boolean|array)\](?=\n)/g, '')
    .replace(/ *\[(string|boolean|array)\]/g, '')
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
}

function unknownCommand(name: string): DiffgentorError {
  const near = nearestName(name, Object.keys(COMMANDS))
  const hint = near ? ` Did you mean ${near}?` : ''
  return new DiffgentorError(
    'invalid_configuration',
    `There is no command "${name}".${hint} Known: ${Object.keys(COMMANDS).join(', ')}.`,
  )
}

function describeStack(error: DiffgentorError): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : ''
  return `${error.stack ?? ''}${cause}`
}
