import { readdirSync } from 'node:fs'
import { isRefused, measureSteps, readGoldens, startGolden, toleranceOf } from '../test/schedulers/measure-scheduler.ts'
import { fixturePath } from '../test/support/fixtures.ts'
import { scientific, tell } from './fidelity-table.ts'

/** Every scheduler on a pretend model: no graphs, only the formulas. */
export function writeSchedulers(): string {
  const files = readdirSync(fixturePath('schedulers')).filter((name) => name.endsWith('.json'))
  const rows = files.map((file) => writeClass(file.slice(0, -'.json'.length)))
  return `## Schedulers

Each class on a pretend model of four values: its timesteps, noise levels, and every step. The difference is relative to the value, or to 1.
"refused" counts runs in which diffusers fails or gives no numbers, which are errors before the first step here.

| class | runs | refused | greatest difference | allowed | verdict |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

function writeClass(className: string): string {
  const goldens = readGoldens(className)
  const drawn = goldens.filter((golden) => !isRefused(golden))
  const deviations = drawn.map((golden) => measureSteps(golden, startGolden(golden, [])).deviation)
  const greatest = Math.max(0, ...deviations)
  const allowed = toleranceOf(className)
  const cells = [className, drawn.length, goldens.length - drawn.length, scientific(greatest), allowed, tell(greatest <= allowed)]
  return `| ${cells.join(' | ')} |`
}
