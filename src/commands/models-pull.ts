import { mergeSettings } from '../config/merge-settings.ts'
import { readSetting } from '../config/setting.ts'
import { SHARED_SETTINGS } from '../config/settings.ts'
import { DiffgentorError } from '../errors.ts'
import { pullModel } from '../models/hub/pull-model.ts'
import { parseHubId } from '../models/hub-cache.ts'
import { removeModel } from '../models/remove-model.ts'
import { hubLayout } from '../pipelines/index.ts'
import { createPullDisplay } from './pull-display.ts'
import { formatBytes, type Terminal } from './terminal.ts'

/** `diffgentor models pull org/name[@revision]`: brings a model of the hub into the cache and prints its folder. */
export async function pullNamedModel(terminal: Terminal, args: Record<string, unknown>): Promise<void> {
  const settings = mergeSettings('t2i', {}).values
  const name = String(args.name ?? '')
  const id = parseHubId(name)
  if (!id) {
    throw new DiffgentorError(
      'invalid_configuration',
      `"models pull" wants a hub id such as org/name or org/name@revision, got "${name}".`,
    )
  }
  if (settings.hfHubOffline) {
    throw new DiffgentorError('invalid_configuration', 'HF_HUB_OFFLINE forbids downloads; unset it to pull a model.')
  }
  const dtype =
    args.torch_dtype === undefined ? undefined : readSetting(SHARED_SETTINGS.torch_dtype, args.torch_dtype, '--torch_dtype')
  using display = createPullDisplay({
    terminal,
    hideProgress: false,
    quiet: false,
    lineIntervalMs: settings.progressInterval * 1000,
  })
  const { folder, commit, bytes } = await pullModel(id, settings, {
    layout: hubLayout({ dtype, safetyChecker: args.safety_checker === true }),
    signal: new AbortController().signal,
    onEvent: display.onEvent,
  })
  display[Symbol.dispose]()
  terminal.stderr.write(`${name} is here at commit ${commit}: ${formatBytes(bytes)}\n`)
  terminal.stdout.write(args.json ? `${JSON.stringify({ name, commit, folder, bytes }, undefined, 2)}\n` : `${folder}\n`)
}

/** `diffgentor models rm org/name`: removes a download from the hub cache. */
export async function removeNamedModel(terminal: Terminal, args: Record<string, unknown>): Promise<void> {
  const { folder, bytes } = await removeModel(String(args.name ?? ''), mergeSettings('t2i', {}).values)
  if (args.json) terminal.stdout.write(`${JSON.stringify({ name: args.name, folder, bytes }, undefined, 2)}\n`)
  else terminal.stderr.write(`Removed ${folder} (${formatBytes(bytes)})\n`)
}
