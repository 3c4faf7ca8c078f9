// Writes docs/environment.md, docs/errors.md and docs/routes.md from the definitions in code. With --check it writes nothing and fails
// when a page is out of date.
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { BackendRegistry } from '../dist/backends/registry.js'
import { describeVariables } from '../dist/config/describe-variables.js'
import { SERVE_SETTINGS, withDefaults } from '../dist/config/settings.js'
import { ERROR_TRAITS } from '../dist/errors.js'
import { writeRouteTable } from '../dist/serve/route-table.js'
import { startServer } from '../dist/serve/server.js'

const docs = fileURLToPath(new URL('../docs/', import.meta.url))
const cell = (text) => text.replaceAll('|', '\\|')

function environmentPage() {
  const facts = describeVariables()
  const groups = [...new Set(facts.map(({ group }) => group))]
  const sections = groups.map((group) => {
    const rows = facts
      .filter((fact) => fact.group === group)
      .map((fact) => {
        const variables = fact.variables.map((name) => `\`${name}\``).join('<br>')
        const flag = fact.flag ? `\`${fact.flag}\`` : '–'
        const byDefault = fact.default === undefined ? '–' : `\`${fact.default}\``
        return `| ${variables} | ${flag} | ${cell(fact.expects)} | ${byDefault} | ${cell(fact.describe)} |`
      })
    return [
      `## ${group}`,
      '',
      '| variables | flag | value | default | meaning |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
    ].join('\n')
  })
  return `# Settings: flags, variables and the configuration file

<!-- Written by npm run docs from the settings in src/config. -->

A setting is taken from the first of these places that has it:

1. the column of a row in the data set,
2. the flag,
3. the variable (the command's own form, \`DG_T2I_…\`, before the shared one, \`DG_…\`),
4. \`diffgentor.config.json\` or \`.yaml\` in the working folder, or the file given with \`--config\`: keys are the flags' names,
   and the sections \`t2i:\`, \`edit:\` and \`serve:\` hold for one command only,
5. the model's own default,
6. the built-in default.

\`--print_config\` shows the merged settings and where each came from. Flags work in snake_case and in kebab-case. Yes-or-no
values are true, 1, yes, on or false, 0, no, off; lists are separated by commas. A value that cannot be read ends the command
with exit code 2; a \`DG_\` variable that nothing reads is told with the nearest known one. \`diffgentor doctor\` shows which
are set.

${sections.join('\n\n')}
`
}

function errorsPage() {
  const rows = Object.entries(ERROR_TRAITS).map(
    ([code, traits]) =>
      `| \`${code}\` | ${traits.httpStatus} | ${traits.exitCode} | ${traits.retryable ? 'yes' : 'no'} | ${traits.endsRun ? 'yes' : 'no'} |`,
  )
  return `# Error codes

<!-- Written by npm run docs from src/errors.ts. -->

The code stands in the ledger, in the logs and in the server's answers. *Exit* is what a command ends with when this error
keeps it from working at all; a batch in which single rows failed ends with 1.

| code | HTTP | exit | tried again | ends the run |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

/** Asks a server that draws nothing. */
async function routesPage() {
  // A folder of the user's own could hold unfinished jobs.
  const jobsDir = join(tmpdir(), `diffgentor-docs-${process.pid}`)
  const settings = withDefaults(SERVE_SETTINGS, { backend: 'fake', port: 0, imageStore: false, jobsDir })
  const server = await startServer({ settings, registry: new BackendRegistry(), log: pino({ level: 'silent' }) })
  try {
    const response = await fetch(`${server.url}/openapi.json`)
    return `# Routes of the server

<!-- Written by npm run docs from the routes that src/serve registers. -->

What a route takes and answers is documented by the running server: \`/docs\` and \`/openapi.json\`. What each protocol is for:
[serve.md](serve.md).

${writeRouteTable(await response.json())}
`
  } finally {
    await server.stop()
  }
}

const isCheck = process.argv.includes('--check')
for (const [name, content] of [
  ['environment.md', environmentPage()],
  ['errors.md', errorsPage()],
  ['routes.md', await routesPage()],
]) {
  const isCurrent = (() => {
    try {
      return readFileSync(docs + name, 'utf8') === content
    } catch {
      return false
    }
  })()
  if (isCurrent) continue
  if (isCheck) {
    process.stderr.write(`docs/${name} is out of date: npm run docs\n`)
    process.exitCode = 1
  } else {
    writeFileSync(docs + name, content)
  }
}
