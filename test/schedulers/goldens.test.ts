import { readdirSync } from 'node:fs'
import { fixturePath } from '../support/fixtures.ts'
import { describeGoldens } from './scheduler-goldens.ts'

for (const file of readdirSync(fixturePath('schedulers')).filter((name) => name.endsWith('.json'))) {
  describeGoldens(file.slice(0, -'.json'.length))
}
