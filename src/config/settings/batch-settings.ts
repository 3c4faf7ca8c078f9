import { choice, flag, integer, list, number, text } from '../setting.ts'

const batch = ['t2i', 'edit'] as const
const input = { group: 'Input', commands: ['t2i'] } as const
const editInput = { group: 'Input', commands: ['edit'] } as const
const output = { group: 'Output', commands: batch } as const
const running = { group: 'Batch', commands: batch } as const

const line = (value: unknown) => (typeof value === 'string' ? value : undefined)

export const inputSettings = {
  prompt: list({ ...input, separator: '', expects: 'a text', item: line, describe: 'Prompt to draw; repeat for several' }),
  prompts_file: text({
    ...input,
    placeholder: 'FILE',
    describe: 'Prompts as txt, jsonl, json, csv, tsv or parquet; "-" reads stdin',
  }),
  input: text({
    ...editInput,
    placeholder: 'PATH',
    describe: 'Data set (csv, tsv, jsonl, json, parquet), folder of pictures, or one picture; "-" reads stdin',
  }),
  instruction: text({ ...editInput, shapesPictures: true, describe: 'Instruction for every row without its own' }),
  instruction_key: text({ ...editInput, shapesPictures: true, default: 'instruction', describe: 'Column of the instruction' }),
  image_key: list({
    ...editInput,
    shapesPictures: true,
    expects: 'column names',
    item: line,
    describe: 'Columns of the source pictures',
  }),
  mask_key: text({ ...editInput, shapesPictures: true, default: 'mask', describe: 'Column of the mask' }),
  image_cache_dir: text({ ...editInput, placeholder: 'FOLDER', describe: 'Folder that keeps fetched pictures' }),
  allow_private_urls: flag({
    group: 'Input',
    commands: ['edit', 'serve'],
    default: false,
    describe: 'Fetch pictures from private and loopback addresses too',
  }),
  input_format: choice({
    group: 'Input',
    commands: batch,
    choices: ['txt', 'jsonl', 'json', 'csv', 'tsv', 'parquet'],
    describe: 'Format of the input; default: by its ending',
  }),
  filter_rows: text({
    group: 'Input',
    commands: batch,
    placeholder: 'ROWS',
    describe: 'Only these rows, counted from 0: 0:100, 100:, 0,5,10',
  }),
  strict: flag({ group: 'Input', commands: batch, default: false, describe: 'Stop at the first row that cannot be read' }),
}

export const outputSettings = {
  output_dir: text({ ...output, default: './output', placeholder: 'FOLDER', describe: 'Where pictures, ledger and logs go' }),
  output_name_column: text({
    ...output,
    shapesPictures: true,
    describe: 'Column that names each picture, as a path inside the output folder',
  }),
  output_format: choice({
    ...output,
    shapesPictures: true,
    choices: ['png', 'jpeg', 'webp', 'avif'],
    synonyms: { jpg: 'jpeg' },
    default: 'png',
    describe: 'File format: png, jpeg, webp or avif',
  }),
  output_quality: integer({
    ...output,
    shapesPictures: true,
    min: 1,
    max: 100,
    describe: 'Quality of jpeg, webp and avif, 1 to 100',
  }),
  output_csv: text({
    ...output,
    placeholder: 'FILE',
    describe: 'Results table (csv, jsonl or parquet); edit writes OUTPUT/results.csv by default',
  }),
  metadata: flag({
    ...output,
    shapesPictures: true,
    default: true,
    describe: 'Store the recipe in each picture; --no_metadata leaves none',
  }),
  contact_sheet: flag({ ...output, default: false, describe: 'Write contact-sheet.html and contact-sheet.png at the end' }),
  json: flag({ ...output, default: false, describe: 'Print one JSON line on stdout for each finished row' }),
}

export const runSettings = {
  batch_size: integer({
    ...running,
    min: 1,
    max: 1024,
    default: 1,
    describe: 'Rows that a worker holds at once; never changes a picture',
  }),
  max_retries: integer({
    ...running,
    min: 0,
    max: 100,
    describe: 'Repeats of a failed row, with growing pauses; default 3, for hosted APIs 5',
  }),
  max_failures: integer({ ...running, min: 1, describe: 'End the run after so many failed rows' }),
  resume: flag({ ...running, default: true, describe: 'Go on where an earlier run stopped; --no_resume starts over' }),
  force: flag({ ...running, default: false, describe: 'Resume although settings or rows changed' }),
  retry_failed: flag({ ...running, default: false, describe: 'Run only the rows that failed last time' }),
  retry_suspect: flag({ ...running, default: false, describe: 'Run again the rows whose picture was one flat color' }),
  retry_ambiguous: flag({ ...running, default: false, describe: 'Send again requests that may already have been billed' }),
  dry_run: flag({ ...running, default: false, describe: 'Say what would be done and what it would cost, then stop' }),
  node_rank: integer({
    ...running,
    min: 0,
    default: 0,
    describe: 'Which part of the rows this machine works: row i belongs to i mod num_nodes',
  }),
  num_nodes: integer({ ...running, min: 1, default: 1, describe: 'Into how many parts the rows are split' }),
}

const everywhere = ['t2i', 'edit', 'serve'] as const
const messages = { group: 'Messages', commands: everywhere } as const

export const messageSettings = {
  config: text({
    ...messages,
    placeholder: 'FILE',
    describe: 'Configuration file; default: diffgentor.config.json or .yaml in the working folder',
  }),
  print_config: flag({ ...messages, default: false, describe: 'Print the merged settings and where each came from, then stop' }),
  log_dir: text({ ...messages, placeholder: 'FOLDER', describe: 'Folder of the log files; default: OUTPUT/logs' }),
  log_level: choice({
    ...messages,
    choices: ['silent', 'error', 'warn', 'info', 'debug'],
    default: 'info',
    describe: 'How much goes into the log file',
  }),
  quiet: flag({ ...messages, default: false, describe: 'Only errors on the terminal' }),
  verbose: flag({ ...messages, default: false, describe: 'More on the terminal, with stack traces' }),
  progress: flag({ ...messages, default: true, describe: 'Show progress; --no_progress hides it' }),
  progress_interval: number({
    group: 'Messages',
    commands: batch,
    min: 0.1,
    default: 10,
    placeholder: 'SECONDS',
    describe: 'Pause between progress lines where there is no terminal',
  }),
}
