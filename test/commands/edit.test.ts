import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { beforeEach, describe, expect, it } from 'vitest'
import { lastStatuses, listPictures, makeFolder } from '../batch/batch-harness.ts'
import { redirectTo, serveRoutes } from '../fetching/picture-server.ts'
import { runCli, startCli } from '../support/run-cli.ts'

const EXAMPLES = fileURLToPath(new URL('../../examples/edit', import.meta.url))
const FOX = readFileSync(join(EXAMPLES, 'fox.png'))

let data: string
let output: string
beforeEach(() => {
  data = makeFolder()
  output = makeFolder()
  mkdirSync(join(data, 'pictures'))
  for (const name of ['apple.png', 'fox.png']) copyFileSync(join(EXAMPLES, name), join(data, 'pictures', name))
})

const edit = (input: string, ...more: string[]) =>
  runCli(['edit', '--backend', 'fake', '--seed', '5', '--input', join(data, input), '--output_dir', output, ...more])

/** The results of the run, by column. */
function readResults(): Record<string, string | null>[] {
  const lines = readFileSync(join(output, 'results.jsonl'), 'utf8').trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, string | null>)
}

const asJsonl = () => ['--output_csv', join(output, 'results.jsonl')]
const save = (name: string, content: string | Uint8Array) => writeFileSync(join(data, name), content)

describe('each form of input', () => {
  const forms: [string, () => string, string[], number][] = [
    ['one picture', () => 'pictures/fox.png', ['--instruction', 'a wolf'], 1],
    ['a folder of pictures', () => 'pictures', ['--instruction', 'a wolf'], 2],
    [
      'csv with a byte order mark, several pictures in a cell and in columns',
      () => {
        const rows = ['pictures/fox.png|pictures/apple.png,,merge', 'pictures/fox.png,pictures/apple.png,merge']
        save('rows.csv', `\uFEFFimage,image_2,instruction\r\n${rows.join('\r\n')}\r\n`)
        return 'rows.csv'
      },
      [],
      2,
    ],
    [
      'tsv under names of its own',
      () => {
        save('rows.tsv', 'photo\twish\npictures/fox.png\ta wolf\n')
        return 'rows.tsv'
      },
      ['--image_key', 'photo', '--instruction_key', 'wish'],
      1,
    ],
    [
      'jsonl with a data URL, bytes of sixteen pictures and a mask',
      () => {
        const url = `data:image/png;base64,${FOX.toString('base64')}`
        const rows = [
          { image: url, instruction: 'a wolf' },
          { image: Array.from({ length: 16 }, () => 'pictures/fox.png'), edit_instruction: 'a pack' },
          { image: 'pictures/fox.png', mask: 'pictures/apple.png', prompt: 'only there' },
        ]
        save('rows.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
        return 'rows.jsonl'
      },
      [],
      3,
    ],
    [
      'a folder of parquet files with embedded pictures',
      () => {
        mkdirSync(join(data, 'parts'))
        for (const [part, instruction] of ['a wolf', 'an owl'].entries()) {
          const bytes = parquetWriteBuffer({
            columnData: [
              { name: 'image', data: [new Uint8Array(FOX)], type: 'BYTE_ARRAY' },
              { name: 'instruction', data: [instruction], type: 'STRING' },
            ],
          })
          save(`parts/part-${part}.parquet`, new Uint8Array(bytes))
        }
        return 'parts'
      },
      [],
      2,
    ],
  ]

  it.each(forms)('%s', async (_, makeInput, flags, count) => {
    const { code, stderr } = await edit(makeInput(), ...flags, '--progress_interval', '60')
    expect(stderr).toMatch(new RegExp(`done +${count}\\n`))
    expect(code).toBe(0)
    expect(Object.keys(listPictures(output))).toHaveLength(count)
    expect(readFileSync(join(output, 'results.csv'), 'utf8').trim().split('\n')).toHaveLength(1 + count)
  })
})

describe('before anything starts', () => {
  it.each<[string, string[], RegExp]>([
    ['without an instruction', [], /no column instruction .*its columns are: image; give one for all with --instruction\.$/],
    ['under a wrong image key', ['--image_key', 'photo', '--instruction', 'x'], /has no column photo; its columns are: image\.$/],
    ['under a wrong mask key', ['--mask_key', 'mark', '--instruction', 'x'], /has no column mark; its columns are: image\.$/],
    ['under a wrong instruction key', ['--instruction_key', 'wish', '--instruction', 'x'], /has no column wish;/],
    [
      'with results of no known kind',
      ['--output_csv', 'a.xlsx', '--instruction', 'x'],
      /end in \.csv, \.jsonl or \.parquet, got a\.xlsx/,
    ],
  ])('a table %s is refused', async (_, flags, sentence) => {
    save('rows.csv', 'image\npictures/fox.png\n')
    const { code, stderr } = await edit('rows.csv', ...flags)
    expect(stderr.trimEnd()).toMatch(sentence)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(code).toBe(2)
    expect(listPictures(output)).toEqual({})
  })
})

it('fails the rows whose pictures are missing, refused or none, each with its sentence, and carries all columns through', async () => {
  await using server = await serveRoutes({
    '/fox.png': (response) => void response.end(FOX),
    '/moved': redirectTo('/fox.png'),
    '/trap': redirectTo('http://169.254.169.254/latest/meta-data'),
    '/text': (response) => void response.end('hello'),
    '/giant': (response) => void response.writeHead(200, { 'content-length': 60_000_000 }).flushHeaders(),
  })
  const pictures: [string, RegExp | undefined][] = [
    [`${server.origin}/fox.png`, undefined],
    [`${server.origin}/moved`, undefined],
    [`${server.origin}/trap`, /metadata address/],
    [`${server.origin}/text`, /no picture that is known/],
    [`${server.origin}/giant`, /more than 50 MB/],
    [`${server.origin}/none`, /status 404/],
    ['absent.png', /absent\.png does not exist/],
    ['rows.jsonl', /no picture that can be read/],
    ['ftp://host/a.png', /ftp: are not fetched/],
    ['', /names no source picture/],
  ]
  const rows = pictures.map(([image], row) => ({ image, instruction: 'a wolf', note: `kept, "${row}"` }))
  save('rows.jsonl', rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const { code, stderr } = await edit('rows.jsonl', '--allow_private_urls', '--max_retries', '0', ...asJsonl())
  expect(stderr).toMatch(/done +2\n +failed +8\n/)
  expect(code).toBe(1)
  const results = readResults()
  expect(results.map(({ note }) => note)).toEqual(rows.map(({ note }) => note))
  for (const [at, [, sentence]] of pictures.entries()) {
    if (sentence) expect(results[at]).toMatchObject({ output_image: null, error: expect.stringMatching(sentence) })
    else expect(results[at]).toMatchObject({ error: null, output_image: `00000${at}.png` })
  }
  expect((await edit('rows.jsonl', '--no_resume', ...asJsonl())).code).toBe(1)
  expect(readResults()[0]!.error).toMatch(/loopback address; --allow_private_urls permits it/)
})

it('keeps the results of all rows over a kill and runs of parts', async () => {
  const rows = Array.from({ length: 30 }, (_, row) => `pictures/fox.png,${row === 9 ? '[hang] ' : ''}wish ${row},${row}`)
  save('rows.csv', `image,instruction,note\n${rows.join('\n')}\n`)
  const args = ['edit', '--backend', 'fake', '--seed', '5', '--input', join(data, 'rows.csv'), '--output_dir', output]
  const child = startCli([...args, '--filter_rows', '5:15'])
  child.stdin!.end()
  const ended = new Promise((resolve) => child.once('close', resolve))
  await expect.poll(() => Object.keys(lastStatuses(output)).length, { timeout: 30_000 }).toBe(9)
  process.kill(-child.pid!, 'SIGKILL')
  await ended
  const drawn = Object.entries(listPictures(output)).filter(([name]) => name.endsWith('.png'))
  expect((await edit('rows.csv', '--filter_rows', '0:9,10:', ...asJsonl())).code).toBe(0)
  const results = readResults()
  expect(results.map(({ note }) => note)).toEqual(
    Array.from({ length: 30 }, (_, row) => String(row)).filter((row) => row !== '9'),
  )
  expect(results.map(({ output_image: file }) => file)).toEqual(Object.keys(listPictures(output)))
  expect(listPictures(output)).toMatchObject(Object.fromEntries(drawn))
})
