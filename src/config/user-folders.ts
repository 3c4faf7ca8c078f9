import { homedir } from 'node:os'
import { join } from 'node:path'

type Environment = NodeJS.ProcessEnv

/** `$XDG_CACHE_HOME`, else `~/.cache`: where the Python hub library keeps its cache on every system. */
export function sharedCacheFolder(environment: Environment = process.env): string {
  return environment['XDG_CACHE_HOME'] || join(homedir(), '.cache')
}

/** Where diffgentor keeps what it can make again, unless `cache_dir` says otherwise. */
export function programCacheFolder(environment: Environment = process.env): string {
  const local = environment['LOCALAPPDATA']
  if (process.platform === 'win32' && local) return join(local, 'diffgentor', 'cache')
  return join(sharedCacheFolder(environment), 'diffgentor')
}

/** The environment of a child process: ours, with some variables set. */
export function childEnvironment(variables: Readonly<Record<string, string>>): Environment {
  return { ...process.env, ...variables }
}
