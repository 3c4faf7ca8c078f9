/**
 * What the server costs: how fast it answers /health while it draws, how many requests a second it passes on to an upstream that
 * answers at once, and how much longer a picture takes over HTTP than on the command line.
 * Run: npm run build && node bench/serve.mjs [SECONDS]
 */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, createServer, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const CLI = fileURLToPath(new URL('../bin/diffgentor.js', import.meta.url))
const seconds = Number(process.argv[2] ?? 10)
const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** An upstream with pictures of a side of so many pixels, in a process of its own. */
async function serveUpstream(side) {
  const noise = Buffer.from(Uint8Array.from({ length: side * side * 3 }, () => Math.random() * 256))
  const picture = await sharp(noise, { raw: { width: side, height: side, channels: 3 } })
    .png({ compressionLevel: 0 })
    .toBuffer()
  const data = picture.toString('base64')
  const images = JSON.stringify({ created: 1, data: [{ b64_json: data }] })
  const candidates = JSON.stringify({ candidates: [{ content: { parts: [{ inlineData: { mimeType: 'image/png', data } }] } }] })
  const server = createServer((incoming, response) => {
    const answer = incoming.url.endsWith(':generateContent') ? candidates : images
    incoming.resume()
    incoming.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(answer))
  })
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
}

async function startUpstream(side) {
  const child = fork(fileURLToPath(import.meta.url), ['--upstream', String(side)])
  const [port] = await once(child, 'message')
  return { url: `http://127.0.0.1:${port}`, stop: () => child.kill() }
}

function startServer(args, environment) {
  return spawn(process.execPath, [CLI, 'serve', '--port', '0', '--log_level', 'error', '--warmup', ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Sends a request and resolves to the milliseconds until its last byte. */
function send(url, path, body) {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    const outgoing = request(url + path, { agent, method: body ? 'POST' : 'GET' }, (response) => {
      response.resume()
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(performance.now() - startedAt)
          : reject(new Error(`${path}: ${response.statusCode}`)),
      )
    })
    outgoing.on('error', reject)
    outgoing.end(body && JSON.stringify(body))
  })
}

const draw = (url, fields) => send(url, '/v1/images/generations', { prompt: 'a red apple', ...fields })

async function keepDrawing(url, fields, clients, until) {
  let drawn = 0
  const work = async () => {
    while (performance.now() < until) {
      await draw(url, fields)
      drawn++
    }
  }
  await Promise.all(Array.from({ length: clients }, work))
  return drawn
}

/** Answers to /health while clients draw. */
async function measureHealth(url, fields, clients) {
  const until = performance.now() + seconds * 1000
  const times = []
  const ping = async () => {
    while (performance.now() < until) {
      times.push(await send(url, '/health'))
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const [drawn] = await Promise.all([keepDrawing(url, fields, clients, until), ping()])
  times.sort((a, b) => a - b)
  const at = (share) => Number(times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(2))
  return { 'pictures/s': Number((drawn / seconds).toFixed(1)), 'p50 ms': at(0.5), 'p99 ms': at(0.99), 'max ms': at(1) }
}

async function withServer(args, environment, work) {
  const child = startServer(args, environment)
  try {
    return await work(await readUrl(child))
  } finally {
    child.kill('SIGKILL')
  }
}

async function readUrl(child) {
  let text = ''
  for await (const piece of child.stdout) {
    text += piece
    const found = /http:\/\/[\d.]+:\d+/.exec(text)
    if (found && text.includes('\n')) return await awaitReady(found[0])
  }
  throw new Error('The server ended before it listened.')
}

async function awaitReady(url) {
  while (
    !(await send(url, '/health').then(
      () => true,
      () => false,
    ))
  )
    await new Promise((resolve) => setTimeout(resolve, 100))
  return url
}

const OPENAI = { backend: 'openai', model: 'dall-e-2' }
const GOOGLE = { backend: 'google_genai', model: 'gemini-2.5-flash-image' }

async function passThrough(side, work, { backend, model } = OPENAI) {
  const upstream = await startUpstream(side)
  const args = ['--backend', backend, '--model_name', model, '--max_concurrent', '64', '--max_queue', '1000']
  const addresses = { OPENAI_BASE_URL: `${upstream.url}/v1`, DG_GEMINI_BASE_URL: upstream.url }
  try {
    return await withServer(args, { OPENAI_API_KEY: 'none', GEMINI_API_KEY: 'none', ...addresses }, work)
  } finally {
    upstream.stop()
  }
}

/** Milliseconds that the command line takes for each further picture: two runs, so that its start does not count. */
async function timeCli(args, pictures) {
  const folder = await mkdtemp(join(tmpdir(), 'diffgentor-bench-'))
  const run = async (count) => {
    const startedAt = performance.now()
    const own = ['--prompt', 'a red apple', '--num_images_per_prompt', String(count), '--output_dir', join(folder, String(count))]
    const child = spawn(process.execPath, [CLI, 't2i', '--quiet', '--num_workers', '1', ...args, ...own], { stdio: 'inherit' })
    await once(child, 'close')
    return performance.now() - startedAt
  }
  const [few, many] = [await run(1), await run(pictures + 1)]
  await rm(folder, { recursive: true })
  return (many - few) / pictures
}

/** The same over HTTP, and how much of it the model itself took. */
async function timeServer(args, pictures) {
  return await withServer(args, {}, async (url) => {
    await draw(url, {})
    const before = await readDrawingSeconds(url)
    const startedAt = performance.now()
    for (let picture = 0; picture < pictures; picture++) await draw(url, {})
    const whole = (performance.now() - startedAt) / pictures
    return { whole, model: ((await readDrawingSeconds(url)) - before) * (1000 / pictures) }
  })
}

async function readDrawingSeconds(url) {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^diffgentor_drawing_seconds_sum\S* (\S+)$/m.exec(text)[1])
}

if (process.argv[2] === '--upstream') await serveUpstream(Number(process.argv[3]))
else {
  console.log('/health while drawing')
  console.table({
    'built-in model, 2 clients': await withServer([], {}, (url) => measureHealth(url, {}, 2)),
    'passed on, 64x64, 16 clients': await passThrough(64, (url) => measureHealth(url, {}, 16)),
    'passed on, 2048x2048 (12.6 MB), 2 clients': await passThrough(2048, (url) => measureHealth(url, {}, 2)),
    'passed on, 4096x4096 (50 MB), 1 client': await passThrough(4096, (url) => measureHealth(url, {}, 1)),
    'passed on to Gemini, 4096x4096 (50 MB), 1 client': await passThrough(4096, (url) => measureHealth(url, {}, 1), GOOGLE),
  })
  const rates = {}
  for (const upstream of [OPENAI, GOOGLE]) {
    for (const clients of [1, 16, 64]) {
      const measureRate = async (url) => {
        const drawn = await keepDrawing(url, {}, clients, performance.now() + seconds * 1000)
        return { 'requests/s': Math.round(drawn / seconds) }
      }
      rates[`${upstream.backend}, ${clients} clients`] = await passThrough(64, measureRate, upstream)
    }
  }
  console.log('passed on to an upstream that answers at once, 64x64')
  console.table(rates)
  const server = await timeServer([], 20)
  const rows = { server: server.whole, 'of it the model': server.model, 'overhead of the server': server.whole - server.model }
  const cli = await timeCli([], 20)
  console.log('one more picture of the built-in model, in ms')
  console.table(
    Object.fromEntries(Object.entries({ ...rows, 'command line': cli }).map(([name, ms]) => [name, { ms: ms.toFixed(1) }])),
  )
  agent.destroy()
}
