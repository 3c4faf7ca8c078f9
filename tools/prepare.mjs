// Makes a fresh clone ready to run: installs when the lockfile is newer than what is installed, builds when a source is
// newer than its output. Does nothing the second time.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

function newest(folder) {
  const names = readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
  return Math.max(...names.map((name) => statSync(`${root}/${folder}/${name}`).mtimeMs))
}

function modified(file) {
  return existsSync(`${root}/${file}`) ? statSync(`${root}/${file}`).mtimeMs : 0
}

function run(command, words) {
  // npm is a script file on Windows, which only a shell starts.
  const { status } = spawnSync(command, words, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) process.exit(status ?? 1)
}

if (modified('package-lock.json') > modified('node_modules/.package-lock.json')) run('npm', ['ci', '--no-audit', '--no-fund'])
if (!existsSync(`${root}/dist/cli.js`) || newest('src') > newest('dist') || modified('tsconfig.build.json') > newest('dist')) {
  run(process.execPath, ['tools/build.mjs'])
}
