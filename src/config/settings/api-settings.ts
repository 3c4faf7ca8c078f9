import { choice, flag, integer, list, number, text } from '../setting.ts'

const everywhere = ['t2i', 'edit', 'serve'] as const
const batch = ['t2i', 'edit'] as const
const api = { group: 'Hosted APIs', commands: everywhere } as const
const variable = { group: 'Hosted APIs', commands: [], flag: false } as const

const word = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)
const numeral = (value: unknown) => (value !== '' && Number.isFinite(Number(value)) ? Number(value) : undefined)

/** How hosted models are called. */
export const apiSettings = {
  timeout: number({ ...api, min: 0.001, placeholder: 'SECONDS', describe: 'How long one request may take; default 300' }),
  api_max_retries: integer({
    ...api,
    min: 0,
    max: 100,
    describe: 'Repeats of a failed request, in place of --max_retries; default 5, of the server 2; 0 means none',
  }),
  retry_delay: number({
    ...api,
    min: 0,
    placeholder: 'SECONDS',
    describe: 'First pause before a repeat; doubles each time, with jitter; default 1',
  }),
  max_global_workers: integer({ ...api, min: 1, max: 10_000, describe: 'Requests in flight at once; default 16' }),
  num_processes: integer({
    ...api,
    min: 1,
    default: 1,
    describe: 'Accepted for scripts of other tools: one process keeps any number of requests in flight',
  }),
  rpm: number({ ...api, min: 0.001, describe: 'Most requests a minute, over all workers and endpoints' }),
}

/** The pool variables of one provider, under its prefix. */
function poolSettings<const P extends string>(prefix: P, provider: string) {
  const name = <const N extends string>(part: N) => `${prefix}_${part}` as const
  return {
    [name('endpoints')]: list({ ...variable, expects: 'addresses', item: word, describe: `Several ${provider} endpoints` }),
    [name('api_keys')]: list({
      ...variable,
      secret: true,
      expects: 'keys',
      item: word,
      describe: `Keys, one for each ${provider} endpoint or one for all`,
    }),
    [name('rate_limits')]: list({
      ...variable,
      expects: 'numbers',
      item: numeral,
      describe: 'Requests a minute of each endpoint',
    }),
    [name('weights')]: list({
      ...variable,
      expects: 'numbers',
      item: numeral,
      describe: 'Share of the requests that each endpoint gets',
    }),
    [name('rate_limit')]: number({ ...variable, min: 0.001, describe: 'Requests a minute of an endpoint without its own limit' }),
    [name('timeout')]: number({ ...variable, min: 0.001, describe: 'Seconds that one request may take' }),
    [name('max_retries')]: integer({ ...variable, min: 0, max: 100, describe: 'Repeats of a failed request' }),
    [name('retry_delay')]: number({ ...variable, min: 0, describe: 'Seconds before the first repeat' }),
    [name('max_workers')]: integer({ ...variable, min: 1, max: 10_000, describe: 'Requests in flight at once' }),
  } as PoolSettings<P>
}

type PoolSettings<P extends string> = {
  [K in `${P}_endpoints` | `${P}_api_keys`]: ReturnType<typeof list<string>>
} & {
  [K in `${P}_rate_limits` | `${P}_weights`]: ReturnType<typeof list<number>>
} & {
  [K in
    | `${P}_rate_limit`
    | `${P}_timeout`
    | `${P}_max_retries`
    | `${P}_retry_delay`
    | `${P}_max_workers`]: import('../setting.ts').Setting<number, undefined>
}

/** Keys and endpoints: never flags, so that they show in no process list. */
export const providerSettings = {
  openai_api_key: text({ ...variable, variables: ['OPENAI_API_KEY'], secret: true, describe: 'Key of the OpenAI API' }),
  openai_base_url: text({
    ...variable,
    variables: ['OPENAI_BASE_URL', 'OPENAI_API_BASE'],
    describe: 'Address of an OpenAI-compatible API',
  }),
  openai_organization: text({
    ...variable,
    variables: ['OPENAI_ORG_ID'],
    describe: 'Organization that OpenAI bills, when the key belongs to several',
  }),
  openai_project: text({ ...variable, variables: ['OPENAI_PROJECT_ID'], describe: 'Project that OpenAI bills' }),
  ...poolSettings('openai', 'OpenAI-compatible'),
  gemini_api_key: text({
    ...variable,
    variables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    secret: true,
    describe: 'Key of the Gemini API',
  }),
  gemini_base_url: text({ ...variable, describe: 'Address of a Gemini-compatible API' }),
  gemini_api_version: text({ ...variable, describe: 'API version in the address, such as v1beta' }),
  gemini_aspect_ratio: text({ ...variable, describe: 'Aspect ratio asked for when no size is given, such as 16:9' }),
  ...poolSettings('gemini', 'Gemini'),
}

const enhancer = { group: 'Prompt enhancement', commands: [], flag: false } as const

export const enhancerSettings = {
  prompt_enhance_type: choice({
    group: 'Prompt enhancement',
    commands: batch,
    shapesPictures: true,
    choices: ['qwen_image_edit', 'glm_image', 'flux2'],
    describe: 'Rewrite each prompt first, with a chat model behind an OpenAI-compatible endpoint',
  }),
  prompt_enhancer_api_key: text({ ...enhancer, secret: true, describe: 'Key of the chat endpoint' }),
  prompt_enhancer_api_base: text({ ...enhancer, describe: 'Address of the chat endpoint' }),
  prompt_enhancer_model: text({ ...enhancer, default: 'gpt-4o', describe: 'Chat model' }),
  prompt_enhancer_temperature: number({ ...enhancer, min: 0, max: 2, default: 0.15, describe: 'Its sampling temperature' }),
  prompt_enhancer_debug: flag({ ...enhancer, default: false, describe: 'Write each exchange to the debug folder' }),
  prompt_enhancer_debug_dir: text({ ...enhancer, describe: 'Folder of those files; default: the log folder' }),
}

const money = { group: 'Money', commands: batch } as const

export const moneySettings = {
  price: number({ ...money, min: 0, placeholder: 'USD', describe: 'Price of one picture, in place of the price table' }),
  budget: number({
    ...money,
    min: 0,
    placeholder: 'USD',
    describe: 'Stop before a request that could pass this sum; counts what the ledger already holds',
  }),
}
