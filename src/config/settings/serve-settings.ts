import { choice, flag, integer, list, number, text } from '../setting.ts'

const serve = { group: 'Server', commands: ['serve'] } as const
const word = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined)

/** The server's own flags. */
export const serveSettings = {
  mode: choice({ ...serve, choices: ['t2i', 'edit', 'both'], describe: 'What is served; default: what the model can' }),
  host: text({ ...serve, describe: 'Address to listen on; default 127.0.0.1, or 0.0.0.0 when keys are set' }),
  port: integer({ ...serve, min: 0, max: 65_535, default: 8000, describe: 'Port; 0 picks a free one and prints it' }),
  max_concurrent: integer({ ...serve, min: 1, max: 1024, default: 1, describe: 'Pictures drawn at once' }),
  max_queue: integer({
    ...serve,
    min: 0,
    max: 1_000_000,
    default: 64,
    describe: 'Requests that may wait; more are answered 429',
  }),
  api_key: list({
    ...serve,
    secret: true,
    variables: ['DG_SERVE_API_KEYS', 'API_KEY'],
    expects: 'keys',
    item: word,
    describe: 'Key that callers must send; repeat or comma list',
  }),
  admin_api_key: list({
    ...serve,
    secret: true,
    variables: ['DG_SERVE_ADMIN_API_KEY', 'ADMIN_API_KEY'],
    expects: 'keys',
    item: word,
    describe: 'Key for the routes that change the server',
  }),
  cors_origin: list({
    ...serve,
    expects: 'origins',
    item: word,
    describe: 'Web origins that may call; default: loopback without keys, any with keys',
  }),
  allowed_host: list({
    ...serve,
    expects: 'host names',
    item: word,
    describe: 'Host names answered while no key is set; default: loopback and the bound address',
  }),
  public_base_url: text({ ...serve, describe: 'Address put into url answers' }),
  image_ttl: number({ ...serve, min: 1, default: 3600, placeholder: 'SECONDS', describe: 'How long url answers can be fetched' }),
  image_store: flag({ ...serve, default: true, describe: 'Keep pictures for url answers; --no_image_store refuses them' }),
  relative_urls: flag({ ...serve, default: false, describe: 'url answers without scheme and host' }),
  keep_alive: number({
    ...serve,
    aliases: ['idle_unload'],
    min: -1,
    default: 300,
    placeholder: 'SECONDS',
    describe: 'Unload an idle model; 0 at once, -1 never',
  }),
  strict_model: flag({ ...serve, default: false, describe: 'Answer 404 to an unknown model name' }),
  validation_status: choice({
    ...serve,
    choices: ['422', '400'],
    default: '422',
    describe: 'Status of answers to invalid requests',
  }),
  warmup: flag({ ...serve, default: false, describe: 'Load the model and draw once at the start' }),
  log_prompts: flag({ ...serve, default: false, describe: 'Write prompts into the log' }),
  metrics_public: flag({ ...serve, default: false, describe: '/metrics needs no key' }),
  lora_dir: text({ ...serve, placeholder: 'FOLDER', describe: 'Folder from which callers may name LoRA files' }),
  families: list({
    ...serve,
    expects: 'words such as openai,jobs',
    item: word,
    describe: 'Protocol families to serve; default: all',
  }),
  jobs_dir: text({ ...serve, placeholder: 'FOLDER', describe: 'Folder of asynchronous jobs; default: ./diffgentor-jobs' }),
  max_body: number({ ...serve, min: 0.001, default: 200, placeholder: 'MB', describe: 'Largest request body' }),
  max_image: number({ ...serve, min: 0.001, default: 50, placeholder: 'MB', describe: 'Largest uploaded picture' }),
  key_rpm: number({ ...serve, min: 0.001, describe: 'Requests a minute of one key' }),
  key_concurrency: integer({ ...serve, min: 1, describe: 'Requests of one key at once' }),
  request_timeout: number({
    ...serve,
    min: 0.001,
    placeholder: 'SECONDS',
    describe: 'How long one request may wait and run; default: no limit',
  }),
  num_inference_steps: integer({ ...serve, flag: false, min: 1, describe: 'Overrides the steps of every request' }),
  guidance_scale: number({ ...serve, flag: false, describe: 'Overrides the guidance of every request' }),
}
