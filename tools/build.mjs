// Compiles src to dist, and removes what no longer has a source.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
for (const name of readdirSync(`${root}/dist`, { recursive: true, encoding: 'utf8' })) {
  const source = name.replace(/(\.d)?\.(js|ts)$/, '.ts')
  if (/\.(js|ts)$/.test(name) && !existsSync(`${root}/src/${source}`)) rmSync(`${root}/dist/${name}`)
}
