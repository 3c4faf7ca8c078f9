/** The parts of an OpenAPI document that the page shows. */
interface ApiDocument {
  info: { title: string; version: string; description: string }
  tags: { name: string }[]
  paths: Record<string, Record<string, ApiRoute>>
}

interface ApiRoute {
  tags: string[]
  summary: string
  description?: string
  security: unknown[]
  parameters: { name: string; in: string; description?: string; schema: ApiSchema; example?: unknown }[]
  requestBody?: { content: Record<string, { schema: ApiSchema; example?: unknown }> }
  responses: Record<string, { description: string; content: Record<string, unknown> }>
}

interface ApiSchema {
  type?: string
  description?: string
  enum?: unknown[]
  minimum?: number
  maximum?: number
  anyOf?: ApiSchema[]
  properties?: Record<string, ApiSchema>
  required?: string[]
  /** Of files. */
  contentMediaType?: string
}

export const DOCS_STYLE = `
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2430;background:#fff}
a{color:#0b5cad}
nav a{margin-right:1rem;white-space:nowrap}
h2{margin-top:2.5rem;border-bottom:1px solid #d7dce3}
details{border:1px solid #d7dce3;border-radius:6px;margin:.5rem 0;padding:.5rem .75rem}
summary{cursor:pointer}
code,pre{font:14px/1.45 ui-monospace,monospace}
pre{background:#f4f6f9;padding:.75rem;border-radius:6px;overflow-x:auto}
b.verb{display:inline-block;min-width:4rem;color:#0b5cad}
table{border-collapse:collapse;width:100%}
td{border-top:1px solid #e6e9ee;padding:.25rem .5rem .25rem 0;vertical-align:top}
@media (max-width:40rem){td{display:block;border:0;padding:0}td:first-child{border-top:1px solid #e6e9ee;padding-top:.25rem}}
@media (prefers-color-scheme:dark){:root{color-scheme:dark}body{color:#e4e8ee;background:#14181f}pre{background:#1f2530}a,b.verb{color:#7db7f0}h2,details,td,td:first-child{border-color:#353d4a}}
`

/** A page of all routes with their fields and a curl line each. It needs no script and no network. */
export function writeDocsPage(document: Record<string, unknown>): string {
  const { info, tags, paths } = document as unknown as ApiDocument
  const routes = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, route]) => ({ path, verb, route })),
  )
  const groups = tags.map(({ name }) => {
    const own = routes.filter(({ route }) => route.tags.includes(name))
    return `<h2 id="${anchorOf(name)}">${escapeHtml(name)}</h2>${own.map(({ path, verb, route }) => writeRoute(path, verb, route)).join('')}`
  })
  const links = tags.map(({ name }) => `<a href="#${anchorOf(name)}">${escapeHtml(name)}</a>`)
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(info.title)}</title><style>${DOCS_STYLE}</style></head><body><h1>${escapeHtml(info.title)} ${escapeHtml(info.version)}</h1><p>${escapeHtml(info.description)} The same as a document: <a href="/openapi.json">openapi.json</a>. State: <a href="/health">health</a>.</p><nav>${links.join(' ')}</nav>${groups.join('')}</body></html>`
}

function writeRoute(path: string, verb: string, route: ApiRoute): string {
  const bodies = Object.entries(route.requestBody?.content ?? {})
  const fields = bodies[0]?.[1].schema
  const forms = bodies.length > 0 ? `<p>Body: ${bodies.map(([type]) => `<code>${escapeHtml(type)}</code>`).join(' or ')}</p>` : ''
  return `<details><summary><b class="verb">${verb.toUpperCase()}</b> <code>${escapeHtml(path)}</code> ${escapeHtml(route.summary)}</summary>${
    route.description ? `<p>${escapeHtml(route.description)}</p>` : ''
  }${forms}${writeFields(route, fields)}${writeAnswers(route)}<pre>${escapeHtml(writeCurl(path, verb, route))}</pre></details>`
}

function writeFields(route: ApiRoute, schema: ApiSchema | undefined): string {
  const parameters = route.parameters.map(({ name, in: place, description, schema }) => [
    name,
    place,
    description ?? describeType(schema),
  ])
  const properties = Object.entries(schema?.properties ?? {}).map(([name, property]) => {
    const isRequired = schema?.required?.includes(name)
    return [name, `${describeType(property)}${isRequired ? ', required' : ''}`, property.description ?? '']
  })
  const rows = [...parameters, ...properties]
  if (rows.length === 0) return ''
  const cells = rows.map(
    ([name = '', type = '', text = '']) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(type)}</td><td>${escapeHtml(text)}</td></tr>`,
  )
  return `<table>${cells.join('')}</table>`
}

function describeType({ type, enum: words, minimum, maximum, anyOf, contentMediaType }: ApiSchema): string {
  if (contentMediaType) return 'file'
  if (words) return words.join(' | ')
  if (anyOf) return [...new Set(anyOf.map((schema) => schema.type ?? 'value'))].join(' or ')
  const isRange = minimum !== undefined && maximum !== undefined && Math.abs(minimum) < 1e9 && maximum < 1e9
  return isRange ? `${type} ${minimum}–${maximum}` : (type ?? 'value')
}

function writeAnswers({ responses }: ApiRoute): string {
  const told = Object.entries(responses).filter(([status]) => status !== 'default')
  const items = told.map(([status, { description, content }]) => {
    const types = Object.keys(content).map((type) => `<code>${escapeHtml(type)}</code>`)
    return `${status} ${escapeHtml(description)} (${types.join(', ')})`
  })
  return `<p>Answers: ${items.join('; ')}</p>`
}

function writeCurl(path: string, verb: string, route: ApiRoute): string {
  const shown = route.parameters.filter((parameter) => parameter.example !== undefined)
  const pairs = shown.map((parameter) => `${parameter.name}=${encodeURIComponent(String(parameter.example))}`)
  const address = `http://127.0.0.1:8000${path}`
  const body = writeCurlBody(route)
  const parts = [
    `curl ${pairs.length > 0 ? quoteShell(`${address}?${pairs.join('&')}`) : address}`,
    ...(verb === 'get' || body.length > 0 ? [] : [`-X ${verb.toUpperCase()}`]),
    ...(route.security.length > 0 ? ['-H "Authorization: Bearer $KEY"'] : []),
    ...body,
  ]
  return parts.join(' \\\n  ')
}

/** An example in JSON, or the first file of a form. */
function writeCurlBody({ requestBody }: ApiRoute): string[] {
  const { 'application/json': json, 'multipart/form-data': form } = requestBody?.content ?? {}
  if (json?.example !== undefined) {
    return [`-H 'content-type: application/json'`, `-d ${quoteShell(JSON.stringify(json.example))}`]
  }
  const file = Object.entries(form?.schema.properties ?? {}).find(([, property]) => property.contentMediaType)
  return file ? [`-F ${file[0]}=@FILE`] : []
}

function quoteShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function anchorOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-')
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`)
}
