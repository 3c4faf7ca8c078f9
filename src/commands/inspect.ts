import { readFile } from 'node:fs/promises'
import type { CommandModule } from 'yargs'
import { readSetting } from '../config/setting.ts'
import { BATCH_SETTINGS } from '../config/settings.ts'
import { DiffgentorError } from '../errors.ts'
import { readRecipe } from '../images/read-recipe.ts'
import type { Recipe } from '../images/recipe.ts'
import { sniffFormat } from '../images/sniff-format.ts'
import type { CommandContext } from './command.ts'
import { refuseUnknownFlags } from './options.ts'
import { replayPicture } from './replay-picture.ts'
import { formatTable } from './terminal.ts'

const FLAGS = [
  'files',
  'json',
  'replay',
  'output_dir',
  'output_quality',
  'model_name',
  'backend',
  'image',
  'mask',
  'plugin',
  'verbose',
]

/** `diffgentor inspect FILE…`: prints the recipe stored in a picture; `--replay` draws it again. */
export const inspectCommand = ({ terminal, setExitCode }: CommandContext): CommandModule => ({
  command: 'inspect <files..>',
  describe: 'Print the recipe stored in a picture, or draw it again',
  builder: (yargs) =>
    yargs
      .positional('files', { type: 'string', array: true, describe: 'Pictures' })
      .option('json', { type: 'boolean', describe: 'Print one JSON line for each picture' })
      .option('replay', { type: 'boolean', describe: 'Draw each picture again' })
      .option('output_dir', {
        type: 'string',
        requiresArg: true,
        describe: 'Where replayed pictures go; default: the working folder. Nothing is overwritten',
      })
      .option('output_quality', {
        type: 'string',
        requiresArg: true,
        describe: 'Quality of a replayed jpeg, webp or avif, as in the first run',
      })
      .option('backend', { type: 'string', requiresArg: true, describe: 'Who draws; default: as recorded' })
      .option('model_name', { type: 'string', requiresArg: true, describe: 'Where the model is now; default: as recorded' })
      .option('image', {
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'Source picture of an edit, in order; repeat for several',
      })
      .option('mask', { type: 'string', requiresArg: true, describe: 'Mask of an edit' })
      .option('plugin', { type: 'string', array: true, nargs: 1, describe: 'Module that adds backends' })
      .option('verbose', { type: 'boolean', describe: 'Stack traces of errors' })
      .example('$0 inspect output/000000.png', 'Print how it was made')
      .example('$0 inspect output/000000.png --replay --output_dir again', 'Draw the same bytes again'),
  handler: async (args) => {
    refuseUnknownFlags(args, FLAGS)
    for (const file of args.files as string[]) {
      const { bytes, recipe, source } = await readPicture(file)
      if (args.replay) {
        const written = await replayPicture(file, bytes, recipe, readReplayOptions(args), terminal)
        terminal.stdout.write(`${written.path}\n`)
        terminal.stderr.write(
          written.isIdentical
            ? `${written.path} has the same bytes as ${file}.\n`
            : `${written.path} differs from ${file}: ${written.difference}.\n`,
        )
        if (!written.isIdentical) setExitCode(1)
      } else {
        terminal.stdout.write(
          args.json ? `${JSON.stringify({ file, source, ...recipe })}\n` : describeRecipe(file, recipe, source),
        )
      }
    }
  },
})

function readReplayOptions(args: Record<string, unknown>) {
  const quality = args.output_quality
  return {
    outputDir: (args.output_dir as string | undefined) ?? '.',
    outputQuality: quality === undefined ? undefined : readSetting(BATCH_SETTINGS.output_quality, quality, '--output_quality'),
    backend: args.backend as string | undefined,
    modelName: args.model_name as string | undefined,
    images: (args.image as string[] | undefined) ?? [],
    mask: args.mask as string | undefined,
    plugin: args.plugin as string[] | undefined,
  }
}

async function readPicture(file: string) {
  const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'does not exist' : `cannot be read (${cause.code})`
    throw new DiffgentorError('invalid_configuration', `${file} ${reason}.`, { cause })
  })
  if (!sniffFormat(bytes)) throw new DiffgentorError('invalid_configuration', `${file} is not a picture of a known format.`)
  const stored = await readRecipe(bytes)
  if (!stored)
    throw new DiffgentorError(
      'invalid_configuration',
      `${file} carries no recipe; it was written with --no_metadata or by another program.`,
    )
  return { bytes, ...stored }
}

function describeRecipe(file: string, recipe: Recipe, source: 'diffgentor' | 'a1111'): string {
  const { settings = {}, ...facts } = recipe
  const rows = [...Object.entries(facts), ...Object.entries(settings)]
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [toWords(name), typeof value === 'string' ? value : JSON.stringify(value)])
  const note = source === 'a1111' ? '  (from the text that other tools write; it may not tell everything)\n' : ''
  return `${file}\n${note}${formatTable(rows, '  ')}`
}

function toWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replaceAll('_', ' ')
}
