import type { CommandModule } from 'yargs'
import { mergeSettings } from '../config/merge-settings.ts'
import { nearestName } from '../config/nearest-name.ts'
import { DiffgentorError } from '../errors.ts'
import { findModel } from '../models/find-model.ts'
import { hashModel } from '../models/hash-model.ts'
import { listModels } from '../models/list-models.ts'
import type { ModelDescription } from '../pipelines/pipeline.ts'
import type { CommandContext } from './command.ts'
import { refuseStrayWords, refuseUnknownFlags } from './options.ts'
import { printQuantized, QUANTIZATION_KINDS } from './quantize-model.ts'
import { formatBytes, formatTable, type Terminal } from './terminal.ts'

const FLAGS = ['action', 'name', 'model_type', 'output_dir', 'kind', 'torch_dtype', 'dtype', 'safety_checker', 'json']
const ACTIONS = ['list', 'info', 'pull', 'rm', 'quantize']

/** `diffgentor models list`, `models info NAME`, `models pull ID`, `models rm ID` and `models quantize NAME`. */
export const modelsCommand = ({ terminal }: CommandContext): CommandModule => ({
  command: 'models [action] [name]',
  describe: 'List the models on this machine, tell what one is and can do, download or remove one, or write a smaller copy',
  builder: (yargs) =>
    yargs
      .positional('action', { type: 'string', default: 'list', describe: 'list, info, pull, rm or quantize' })
      .positional('name', {
        type: 'string',
        describe: 'Built-in name, folder or hub id org/name[@revision]; for pull and rm a hub id',
      })
      .option('model_type', { type: 'string', requiresArg: true, describe: 'Model family, when the folder does not tell' })
      .option('output_dir', { type: 'string', requiresArg: true, describe: 'New folder for the quantized model' })
      .option('kind', {
        choices: QUANTIZATION_KINDS,
        describe:
          'int8-matmul keeps linear layers in bytes, int4-weights in four bits; convolutions and the VAE stay as they are',
      })
      .option('torch_dtype', {
        type: 'string',
        alias: 'dtype',
        requiresArg: true,
        describe: 'Stored precision to pull: float32, float16, bfloat16, int8 or int4; default: what suits a CPU best',
      })
      .option('safety_checker', { type: 'boolean', describe: "Pull the model's own safety checker too" })
      .option('json', { type: 'boolean', describe: 'Print JSON' })
      .example('$0 models', 'What --model_name can name')
      .example('$0 models info emoji', 'Family, sizes, defaults and memory of a model')
      .example('$0 models pull org/name', 'Download a model of the Hugging Face hub; --model_name org/name does it too')
      .example('$0 models rm org/name', 'Remove that download')
      .example('$0 models quantize ./sd15 --output_dir ./sd15-int8', 'A copy with less disk and memory'),
  handler: async (args) => {
    refuseUnknownFlags(args, FLAGS)
    refuseStrayWords(args, 1)
    const action = String(args.action)
    if (action === 'list') await printList(terminal, args.json === true)
    else if (action === 'info') await printInfo(terminal, args)
    else if (action === 'pull' || action === 'rm') {
      // The network's packages take longer to load than a list takes to print.
      const { pullNamedModel, removeNamedModel } = await import('./models-pull.ts')
      await (action === 'pull' ? pullNamedModel : removeNamedModel)(terminal, args)
    } else if (action === 'quantize') await printQuantized(terminal, args)
    else throw unknownAction(action)
  },
})

function unknownAction(action: string): DiffgentorError {
  const near = nearestName(action, ACTIONS)
  return new DiffgentorError(
    'invalid_configuration',
    `There is no "models ${action}".${near ? ` Did you mean "models ${near}"?` : ''} Known: ${ACTIONS.join(', ')}.`,
  )
}

async function printList(terminal: Terminal, asJson: boolean): Promise<void> {
  const models = await listModels(mergeSettings('t2i', {}).values)
  if (asJson) terminal.stdout.write(`${JSON.stringify(models, undefined, 2)}\n`)
  else
    terminal.stdout.write(
      formatTable(models.map(({ name, origin, bytes, folder }) => [name, origin, formatBytes(bytes), folder])),
    )
}

async function printInfo(terminal: Terminal, args: Record<string, unknown>): Promise<void> {
  const settings = mergeSettings('t2i', {}).values
  const { name, folder } = await findModel(args.name as string | undefined, settings)
  const { describeModel } = await import('../pipelines/describe-model.ts')
  const description = await describeModel(folder, args.model_type as string | undefined)
  const weightFiles = description.components.flatMap((component) => component.files)
  const hash = await hashModel(folder, weightFiles, settings)
  if (args.json) terminal.stdout.write(`${JSON.stringify({ name, hash, ...description }, undefined, 2)}\n`)
  else terminal.stdout.write(describe(name, hash, description))
}

function describe(name: string, hash: string, model: ModelDescription): string {
  const { capabilities, defaults } = model
  const can = [
    capabilities.generate && 'draws from text',
    capabilities.edit && 'edits pictures',
    capabilities.mask && 'repaints under a mask',
  ].filter((word) => word !== false)
  const { sizes } = capabilities
  const facts: string[][] = [
    ['name', name],
    ['folder', model.folder],
    ['family', model.family],
    ['can', can.join(', ')],
    ['sizes', sizes?.only?.join(', ') ?? (sizes ? `${sizes.min} to ${sizes.max} pixels, multiples of ${sizes.multiple}` : 'any')],
    ['size', `${defaults.width}x${defaults.height}`],
    ['steps', String(defaults.numInferenceSteps)],
    ['guidance', String(defaults.guidanceScale)],
    ['scheduler', model.scheduler],
    ['memory', formatBytes(model.memoryBytes)],
    ['sha256', hash],
  ]
  const components = model.components.map((component) => [
    component.name,
    formatBytes(component.weightBytes),
    component.files.join(', '),
  ])
  const warnings = model.warnings.map(({ detail }) => `Warning: ${detail}\n`).join('')
  return `${formatTable(facts)}\nComponents\n${formatTable(components, '  ')}${warnings}`
}
