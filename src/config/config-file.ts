import { existsSync, readFileSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { parse as parseYaml } from 'yaml'
import { DiffgentorError } from '../errors.ts'
import type { SourcedValue } from './environment.ts'
import { nearestName } from './nearest-name.ts'
import { type CommandName, readSetting } from './setting.ts'
import { BATCH_SETTINGS, SERVE_SETTINGS, type SettingTable } from './settings.ts'

const FILE_NAMES = ['diffgentor.config.json', 'diffgentor.config.yaml', 'diffgentor.config.yml']
const SECTIONS: readonly string[] = ['t2i', 'edit', 'serve'] satisfies CommandName[]

/** The configuration file to read: the one given, else the first of the known names in the folder. */
export function findConfigFile(given: string | undefined, folder: string): string | undefined {
  if (given !== undefined) return resolve(folder, given)
  return FILE_NAMES.map((name) => resolve(folder, name)).find(existsSync)
}

/** Reads the settings of one command from a file: keys at the top hold for every command, those under `t2i:`, `edit:` or `serve:` for that one. */
export function readConfigFile(file: string, table: SettingTable, command: CommandName): Map<string, SourcedValue> {
  const content = parseFile(file)
  const section = content[command] ?? {}
  if (!isRecord(section)) throw invalid(file, `"${command}" must hold settings by name`)
  refuseUnknownKeys(file, content)
  refuseUnknownKeys(file, section)
  const values = new Map<string, SourcedValue>()
  for (const [name, setting] of Object.entries(table)) {
    const value = section[name] ?? content[name]
    if (value === undefined || value === null) continue
    values.set(name, { value: readSetting(setting, value, `"${name}" in ${basename(file)}`), source: basename(file) })
  }
  return values
}

function parseFile(file: string): Record<string, unknown> {
  let content: unknown
  try {
    const source = readFileSync(file, 'utf8')
    content = file.endsWith('.json') ? JSON.parse(source) : parseYaml(source)
  } catch (cause) {
    throw invalid(file, `it cannot be read: ${(cause as Error).message.split('\n')[0]}`, cause)
  }
  if (!isRecord(content)) throw invalid(file, 'it must hold settings by name')
  return content
}

function refuseUnknownKeys(file: string, content: Record<string, unknown>): void {
  const known = new Set([...Object.keys(BATCH_SETTINGS), ...Object.keys(SERVE_SETTINGS), ...SECTIONS])
  for (const key of Object.keys(content)) {
    if (known.has(key)) continue
    const near = nearestName(key, known)
    throw invalid(file, `there is no setting "${key}"${near ? `; did you mean "${near}"?` : ''}`)
  }
}

function invalid(file: string, problem: string, cause?: unknown): DiffgentorError {
  const end = problem.endsWith('?') ? '' : '.'
  return new DiffgentorError('invalid_configuration', `The configuration file ${file} cannot be used: ${problem}${end}`, {
    cause,
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
