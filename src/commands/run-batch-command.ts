import { openBudget } from '../backends/hosted/estimate-run.ts'
import { standInForKeys } from '../backends/hosted/stand-in-keys.ts'
import { BackendRegistry } from '../backends/registry.ts'
import type { BatchEvent } from '../batch/batch-events.ts'
import { formatLedgerLine } from '../batch/ledger-entry.ts'
import { runBatch } from '../batch/run-batch.ts'
import { type MergedSettings, mergeSettings } from '../config/merge-settings.ts'
import type { BatchSettings } from '../config/settings.ts'
import { VERSION } from '../config/version.ts'
import type { ImageBackend } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import type { CommandContext } from './command.ts'
import { describeDryRun } from './dry-run.ts'
import { describeSummary } from './end-table.ts'
import { openRows } from './open-rows.ts'
import { readGivenFlags } from './options.ts'
import { describeSettings } from './print-config.ts'
import { createProgressDisplay } from './progress-display.ts'
import { createPullDisplay } from './pull-display.ts'
import { watchStopSignals } from './stop-signals.ts'
import type { Terminal } from './terminal.ts'

type BatchKind = 't2i' | 'edit'

/** What `t2i` and `edit` share: settings, rows, backend, the run, and what is shown of it. */
export async function runBatchCommand(
  kind: BatchKind,
  args: Record<string, unknown>,
  { terminal, setExitCode }: CommandContext,
): Promise<void> {
  const merged = mergeSettings(kind, readGivenFlags(args, kind))
  const settings = merged.values
  if (!settings.quiet) for (const warning of merged.warnings) terminal.stderr.write(`Warning: ${warning}\n`)
  if (settings.printConfig) {
    terminal.stdout.write(await printConfig(kind, merged))
    return
  }
  await using dataset = await openRows(kind, settings, terminal)
  await using backend = await openBackend(settings, terminal)
  refuseUnable(kind, backend)
  if (settings.dryRun) {
    terminal.stdout.write(await describeDryRun({ kind, dataset, backend, settings }))
    return
  }
  await using enhancer = await openEnhancer(settings)
  using display = createProgressDisplay({
    terminal,
    hideProgress: !settings.progress,
    quiet: settings.quiet,
    verbose: settings.verbose,
    lineIntervalMs: settings.progressInterval * 1000,
  })
  using stopRequest = watchStopSignals(terminal.stdout, display.tell)
  if (!settings.quiet) for (const warning of findIdleSettings(settings, backend)) display.tell(`Warning: ${warning}`)
  const onEvent = (event: BatchEvent) => {
    display.show(event)
    if (settings.json && event.type === 'row-end' && stopRequest.takesResults)
      terminal.stdout.write(formatLedgerLine(event.entry))
  }
  const summary = await runBatch({
    dataset,
    backend,
    settings,
    kind,
    version: VERSION,
    drain: stopRequest.drain,
    signal: stopRequest.stop,
    onEvent,
    gate: backend.capabilities.paid ? openBudget(backend.modelId, settings) : undefined,
    enhancePrompt: enhancer?.enhance,
  })
  if (!settings.quiet) terminal.stderr.write(describeSummary(summary))
  setExitCode(summary.interrupted ? (stopRequest.exitCode ?? 1) : summary.exitCode)
}

/** The provider's package takes long to load, so that only who asks for better prompts pays for it. */
async function openEnhancer(settings: BatchSettings) {
  if (settings.promptEnhanceType === undefined) return undefined
  const { createPromptEnhancer } = await import('../prompt-enhancement/prompt-enhancer.ts')
  return createPromptEnhancer(settings)
}

/** A model of the hub that is not here is downloaded first, but not to only say what a run would do. */
async function openBackend(settings: BatchSettings, terminal: Terminal): Promise<ImageBackend> {
  if (settings.dryRun) return await new BackendRegistry().open(standInForKeys(settings))
  using display = createPullDisplay({
    terminal,
    hideProgress: !settings.progress,
    quiet: settings.quiet,
    lineIntervalMs: settings.progressInterval * 1000,
  })
  return await new BackendRegistry({ onPull: display.onEvent }).open(settings)
}

/** A model that cannot do the command's work is told before anything starts. */
function refuseUnable(kind: BatchKind, { capabilities, modelId }: ImageBackend): void {
  if (kind === 't2i' && !capabilities.generate) {
    throw new DiffgentorError(
      'unsupported',
      `The model ${modelId} only edits pictures; use diffgentor edit, or choose another model.`,
    )
  }
  if (kind === 'edit' && !capabilities.edit) {
    throw new DiffgentorError(
      'unsupported',
      `The model ${modelId} only draws from text; use diffgentor t2i, or choose another model.`,
    )
  }
}

/** Sentences about settings that this backend gives no work to. */
function findIdleSettings(settings: BatchSettings, { capabilities, name }: ImageBackend): string[] {
  const warnings: string[] = []
  if (settings.numProcesses > 1)
    warnings.push('--num_processes has no effect: one process keeps any number of requests in flight.')
  if (capabilities.paid) return warnings
  if (settings.budget !== undefined) warnings.push(`--budget has no effect: the backend ${name} costs nothing.`)
  if (settings.rpm !== undefined) warnings.push(`--rpm has no effect: the backend ${name} sends no requests.`)
  return warnings
}

async function printConfig(kind: BatchKind, merged: MergedSettings<BatchSettings>): Promise<string> {
  await using backend = await new BackendRegistry().open(merged.values).catch(() => undefined)
  const { numInferenceSteps, guidanceScale } = backend?.defaults ?? {}
  const size = backend?.capabilities.sizes?.default
  const modelDefaults = {
    num_inference_steps: numInferenceSteps,
    guidance_scale: guidanceScale,
    width: size?.width,
    height: size?.height,
  }
  return describeSettings(kind, merged, modelDefaults, merged.values.json)
}
