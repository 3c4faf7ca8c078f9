/**
 * Requests a second that the hosted backends make against an upstream that answers at once: what this program itself costs.
 * Run: npm run build && node bench/hosted.mjs [REQUESTS]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'

const PICTURE = Buffer.alloc(64 * 1024, 7).toString('base64')
const ANSWERS = {
  images: JSON.stringify({ created: 1, data: [{ b64_json: PICTURE }] }),
  models: JSON.stringify({ candidates: [{ content: { parts: [{ inlineData: { mimeType: 'image/png', data: PICTURE } }] } }] }),
}

/** In a process of its own, so that its work is not counted. */
function serveUpstream() {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(request.url.includes('/models/') ? ANSWERS.models : ANSWERS.images)
    })
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 2048 }, () => process.send(server.address().port))
}

async function measure(backend, requests, workers) {
  const context = { signal: new AbortController().signal }
  let left = requests
  const work = async () => {
    while (left-- > 0) await backend.run({ prompt: 'a fox in the snow', numImages: 1 }, context)
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: workers }, work))
  return requests / ((performance.now() - start) / 1000)
}

async function compare(requests) {
  const { openBackend, SHARED_SETTINGS, withDefaults } = await import('../dist/index.js')
  const upstream = fork(fileURLToPath(import.meta.url), ['--upstream'])
  const [port] = await once(upstream, 'message')
  const base = `http://127.0.0.1:${port}`
  const rows = []
  for (const name of ['openai', 'google_genai']) {
    for (const workers of [1, 16, 256]) {
      const settings = { backend: name, openaiBaseUrl: `${base}/v1`, geminiBaseUrl: base, maxGlobalWorkers: workers }
      const backend = await openBackend(withDefaults(SHARED_SETTINGS, settings))
      await measure(backend, 500, workers)
      rows.push({ backend: name, 'in flight': workers, 'requests/s': Math.round(await measure(backend, requests, workers)) })
      await backend[Symbol.asyncDispose]()
    }
  }
  upstream.kill()
  console.table(rows)
}

if (process.argv[2] === '--upstream') serveUpstream()
else await compare(Number(process.argv[2] ?? 4000))
