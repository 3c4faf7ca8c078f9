import { availableParallelism, cpus, freemem, totalmem } from 'node:os'
import { basename } from 'node:path'
import type { CommandModule } from 'yargs'
import { describeVariables, findPresent } from '../config/describe-variables.ts'
import { findUnknownVariables } from '../config/environment.ts'
import { mergeSettings } from '../config/merge-settings.ts'
import { programCacheFolder } from '../config/user-folders.ts'
import { VERSION } from '../config/version.ts'
import { listEntries } from '../disk-cache/cache-entries.ts'
import { listModels } from '../models/list-models.ts'
import { probeProviders } from '../onnx-runtime/probe-providers.ts'
import type { CommandContext } from './command.ts'
import { refuseStrayWords, refuseUnknownFlags } from './options.ts'
import { formatBytes, formatTable } from './terminal.ts'

/** `diffgentor doctor`: what this machine and this setup can do. */
export const doctorCommand = ({ terminal, setExitCode }: CommandContext): CommandModule => ({
  command: 'doctor',
  describe: 'Tell what this machine and this setup can do',
  builder: (yargs) =>
    yargs
      .option('json', { type: 'boolean', describe: 'Print JSON' })
      .epilogue('Exit code 1 when the local engine cannot run here.'),
  handler: async (args) => {
    refuseUnknownFlags(args, ['json'])
    refuseStrayWords(args, 1)
    const report = await examine()
    terminal.stdout.write(args.json ? `${JSON.stringify(report, undefined, 2)}\n` : describeReport(report))
    setExitCode(report.providers.some(({ works }) => works) ? 0 : 1)
  },
})

interface DoctorReport {
  program: { diffgentor: string; node: string; onnxruntime: string; platform: string }
  machine: { processor: string; cores: number; memoryBytes: number; freeMemoryBytes: number }
  providers: { name: string; works: boolean; problem?: string }[]
  models: { name: string; folder: string; bytes: number }[]
  /** What is kept on disk for later runs, by kind. */
  cache: { folder: string; limitBytes: number; kinds: { name: string; bytes: number }[] }
  /** Every variable that is known, with its value where it is set. */
  variables: {
    variables: string[]
    expects: string
    default: string | undefined
    isSecret: boolean
    /** The one that is set. */
    variable: string | undefined
    value: string | undefined
  }[]
  warnings: string[]
}

async function examine(): Promise<DoctorReport> {
  const { values } = mergeSettings('t2i', {})
  const [{ runtimeVersion, providers }, models] = await Promise.all([probeProviders(), listModels(values)])
  const cacheFolder = values.cacheDir ?? programCacheFolder()
  const kinds = await listEntries(cacheFolder)
  const variables = describeVariables().map((facts) => ({
    variables: facts.variables,
    expects: facts.expects,
    default: facts.default,
    isSecret: facts.isSecret,
    variable: findPresent(facts)?.variable,
    value: findPresent(facts)?.value,
  }))
  return {
    program: {
      diffgentor: VERSION,
      node: process.version,
      onnxruntime: runtimeVersion,
      platform: `${process.platform} ${process.arch}`,
    },
    machine: {
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      freeMemoryBytes: freemem(),
    },
    providers,
    models: models.map(({ name, folder, bytes }) => ({ name, folder, bytes })),
    cache: {
      folder: cacheFolder,
      limitBytes: values.cacheLimit * 1e9,
      kinds: kinds.map(({ path, bytes }) => ({ name: basename(path), bytes })),
    },
    variables,
    warnings: findUnknownVariables(),
  }
}

function describeReport({ program, machine, providers, models, cache, variables, warnings }: DoctorReport): string {
  const sections = [
    section('Program', [
      ['diffgentor', program.diffgentor],
      ['Node.js', program.node],
      ['ONNX Runtime', program.onnxruntime],
      ['platform', program.platform],
    ]),
    section('Machine', [
      ['processor', machine.processor],
      ['cores', String(machine.cores)],
      ['memory', `${formatBytes(machine.memoryBytes)}, ${formatBytes(machine.freeMemoryBytes)} free`],
    ]),
    section(
      'Execution providers',
      providers.map(({ name, works, problem }) => [name, works ? 'works' : `does not work: ${problem}`]),
    ),
    section(
      'Models',
      models.map(({ name, folder, bytes }) => [name, formatBytes(bytes), folder]),
    ),
    section('Cache', [
      ...cache.kinds.map(({ name, bytes }) => [name, formatBytes(bytes)]),
      ['limit', formatBytes(cache.limitBytes), cache.folder],
    ]),
    section(
      'Keys',
      variables
        .filter(({ isSecret }) => isSecret)
        .map(({ variables: names, variable }) => [variable ?? bestKnown(names), variable ? 'set' : 'not set']),
    ),
    section('Variables', [
      ['now', 'default', 'expects', 'variable'],
      ...variables.map((facts) => [facts.value ?? '–', facts.default ?? '–', facts.expects, listNames(facts)]),
    ]),
    'Variables without the name of a command also exist with it, such as DG_T2I_BACKEND beside DG_BACKEND.\n',
  ]
  if (warnings.length > 0)
    sections.push(
      section(
        'Warnings',
        warnings.map((warning) => [warning]),
      ),
    )
  return sections.join('\n')
}

/** The name that other programs use too, where there is one. */
function bestKnown(variables: readonly string[]): string {
  return variables.find((variable) => !variable.startsWith('DG_')) ?? variables[0]!
}

/** All names, the one that is set first; without the commands' own forms where one form serves all commands. */
function listNames({ variables, variable }: DoctorReport['variables'][number]): string {
  const shared = variables.find((name) => variables.includes(name.replace(/^DG_/, 'DG_SERVE_')))
  const names = shared === undefined ? variables : variables.filter((name) => !isOwnForm(name, shared))
  return [...new Set([...(variable === undefined ? [] : [variable]), ...names])].join(', ')
}

function isOwnForm(name: string, shared: string): boolean {
  return /^(?:T2I|EDIT|SERVE)_/.test(name.slice(3)) && name.endsWith(shared.slice(3))
}

function section(title: string, rows: string[][]): string {
  return `${title}\n${formatTable(rows, '  ')}`
}
