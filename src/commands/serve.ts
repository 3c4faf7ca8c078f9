import type { CommandModule } from 'yargs'
import { mergeSettings } from '../config/merge-settings.ts'
import type { CommandContext } from './command.ts'
import { declareSettings, readGivenFlags } from './options.ts'

/** Milliseconds between two lines about a download, where there is no terminal. */
const LINE_INTERVAL = 10_000

/** `diffgentor serve`: the same backends behind HTTP. */
export const serveCommand = ({ terminal, setExitCode }: CommandContext): CommandModule => ({
  command: 'serve',
  describe: 'Offer the same over HTTP',
  builder: (yargs) =>
    declareSettings(yargs, 'serve')
      .example('$0 serve', 'The built-in model on http://127.0.0.1:8000')
      .example('$0 serve --model_name sdxl --model_name flux --keep_alive 60', 'Two models, loaded when asked for')
      .example('$0 serve --host 0.0.0.0 --api_key SECRET', 'For other machines')
      .epilogue('Clients, routes and jobs: docs/serve.md, and /docs of the running server.'),
  handler: async (args) => {
    const merged = mergeSettings('serve', readGivenFlags(args, 'serve'))
    if (!merged.values.quiet) for (const warning of merged.warnings) terminal.stderr.write(`Warning: ${warning}\n`)
    if (merged.values.printConfig) {
      const { describeSettings } = await import('./print-config.ts')
      terminal.stdout.write(describeSettings('serve', merged, {}, false))
      return
    }
    const [{ runServe }, { BackendRegistry }, { createPullDisplay }] = await Promise.all([
      import('../serve/run-serve.ts'),
      import('../backends/registry.ts'),
      import('./pull-display.ts'),
    ])
    const { quiet } = merged.values
    using display = createPullDisplay({ terminal, hideProgress: false, quiet, lineIntervalMs: LINE_INTERVAL })
    const ended = new AbortController()
    const registry = new BackendRegistry({ onPull: display.onEvent, signal: ended.signal })
    try {
      setExitCode(await runServe(merged.values, registry, terminal))
    } finally {
      // A download that is still under way would keep the process alive.
      ended.abort()
    }
  },
})
