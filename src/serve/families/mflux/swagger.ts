import { VERSION } from '../../../config/version.ts'

/** What is read of an OpenAPI operation. */
interface Operation {
  tags: string[]
  summary: string
  operationId: string
  parameters: { name: string; in: string; required: boolean; description?: string; example?: unknown; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, { description: string; content?: Record<string, { schema?: Schema }> }>
}

interface Schema {
  type?: string
  description?: string
  minimum?: number
  maximum?: number
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
}

/** The family's part of an OpenAPI 3.1 document, for our own page. */
export function pickFamily(document: Record<string, unknown>, tag: string): Record<string, unknown> {
  const paths = document.paths as Record<string, Record<string, Operation>>
  const own = Object.entries(paths).filter(([, verbs]) => Object.values(verbs).some(({ tags }) => tags.includes(tag)))
  return { ...document, tags: [{ name: tag }], paths: Object.fromEntries(own) }
}

/** The same as a Swagger 2.0 document, of the routes at the root. */
export function writeSwagger(document: Record<string, unknown>, basePath: string): Record<string, unknown> {
  const paths = document.paths as Record<string, Record<string, Operation>>
  const own = Object.entries(paths).filter(([path]) => !path.startsWith('/api/'))
  return {
    swagger: '2.0',
    info: { title: 'mflux-server API, answered by diffgentor', version: VERSION },
    basePath,
    consumes: ['application/json'],
    produces: ['application/json'],
    paths: Object.fromEntries(own.map(([path, verbs]) => [path, convertVerbs(verbs)])),
  }
}

function convertVerbs(verbs: Record<string, Operation>): Record<string, object> {
  return Object.fromEntries(Object.entries(verbs).map(([verb, operation]) => [verb, convertOperation(operation)]))
}

function convertOperation({ tags, summary, operationId, parameters, requestBody, responses }: Operation): object {
  const body = requestBody?.content['application/json']?.schema
  const inQuery = parameters.map(({ schema, example: _, ...rest }) => ({ ...rest, type: convertSchema(schema).type ?? 'string' }))
  const inBody = body ? [{ name: 'payload', in: 'body', required: true, schema: convertSchema(body) }] : []
  const types = Object.values(responses).flatMap(({ content }) => Object.keys(content ?? {}))
  return {
    tags,
    summary,
    operationId,
    produces: [...new Set(types)],
    parameters: [...inQuery, ...inBody],
    responses: Object.fromEntries(Object.entries(responses).map(([status, answer]) => [status, convertAnswer(answer)])),
  }
}

function convertAnswer({ description, content }: Operation['responses'][string]): object {
  const schema = content?.['application/json']?.schema
  return { description, ...(schema && !('$ref' in schema) && { schema: convertSchema(schema) }) }
}

/** Swagger 2.0 knows neither alternatives nor null: the first of several stands for all. */
function convertSchema(schema: Schema): Schema {
  const { type, description, minimum, maximum, enum: words, anyOf, items, properties, required } = schema
  if (anyOf) return { ...convertSchema(anyOf[0] ?? {}), ...(description !== undefined && { description }) }
  const fields = Object.entries(properties ?? {}).map(([name, inner]) => [name, convertSchema(inner)])
  return {
    ...(type !== undefined && { type }),
    ...(description !== undefined && { description }),
    ...(minimum !== undefined && { minimum }),
    ...(maximum !== undefined && { maximum }),
    ...(words && { enum: words }),
    ...(items && { items: convertSchema(items) }),
    ...(properties && { properties: Object.fromEntries(fields) }),
    ...(required?.length && { required }),
  }
}
