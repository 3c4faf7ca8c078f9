import { z } from 'zod'
import { VERSION } from '../config/version.ts'
import type { RouteBook, RouteSpec } from './http/route-book.ts'

const ERROR = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.union([z.string(), z.int()]).nullable(),
  }),
  detail: z.union([z.string(), z.array(z.record(z.string(), z.unknown()))]),
})

/** The OpenAPI 3.1 document of all routes, made from what they were registered with. */
export function describeApi(book: RouteBook): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of book.routes) {
    const path = route.path.replace(/\+\}/g, '}')
    paths[path] = { ...paths[path], [route.method]: describeRoute(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'diffgentor',
      version: VERSION,
      description: 'Make and edit images over the HTTP APIs that people already use.',
    },
    tags: [...new Set(book.routes.map((route) => route.tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: { Error: toSchema(ERROR) },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      },
    },
  }
}

function describeRoute(route: RouteSpec): object {
  const content = describeBody(route)
  return {
    operationId: `${route.method}${route.path
      .replace(/(?<=\w)\/$/, '_slash')
      .replace(/[^A-Za-z0-9]+/g, '_')
      .replace(/_$/, '')}`,
    tags: [route.tag],
    summary: route.summary,
    ...(route.description && { description: route.description }),
    security: route.access === 'public' ? [] : [{ bearer: [] }, { apiKey: [] }],
    'x-access': route.access ?? 'key',
    parameters: describeParameters(route),
    ...(content && { requestBody: { required: true, content } }),
    responses: describeAnswers(route),
  }
}

function describeParameters({ path, query, queryExample = {} }: RouteSpec): object[] {
  const inPath = [...path.matchAll(/\{(\w+)\+?\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = toSchema(schema as z.ZodType) as { description?: string }
    const example = queryExample[name]
    return {
      name,
      in: 'query',
      required: false,
      ...(description && { description }),
      schema: rest,
      ...(example !== undefined && { example }),
    }
  })
  return [...inPath, ...inQuery]
}

function describeBody({ json, form, example }: RouteSpec): object | undefined {
  if (!json && !form) return undefined
  return {
    ...(json && { 'application/json': { schema: toSchema(json), ...(example !== undefined && { example }) } }),
    ...(form && { 'multipart/form-data': { schema: addFile(toSchema(form)) } }),
  }
}

/** In forms, pictures are files. */
function addFile(schema: Record<string, unknown>): Record<string, unknown> {
  const describeFile = ({ description }: { description?: string } = {}) => ({
    ...(description && { description }),
    type: 'string',
    contentMediaType: 'application/octet-stream',
  })
  const properties = schema.properties as Record<string, { description?: string }> | undefined
  const files = Object.keys(properties ?? {}).filter((name) =>
    ['image', 'images', 'mask', 'mask_image', 'input_reference', 'file'].includes(name),
  )
  return {
    ...schema,
    properties: { ...properties, ...Object.fromEntries(files.map((name) => [name, describeFile(properties?.[name])])) },
  }
}

function describeAnswers({ answers }: RouteSpec): object {
  const responses: Record<string, { description: string; content: Record<string, unknown> }> = {}
  for (const { status, description, type = 'application/json', schema } of answers) {
    const known = responses[status] ?? { description, content: {} }
    known.content[type] = schema ? { schema: toSchema(schema) } : {}
    responses[status] = known
  }
  const error = {
    description: 'What went wrong',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  }
  return { ...responses, default: error }
}

function toSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'output', target: 'draft-2020-12', unrepresentable: 'any' })
  return rest
}
