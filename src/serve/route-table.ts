import type { RouteAccess } from './http/route-book.ts'

/** The parts of an OpenAPI document that the table shows. */
interface ApiDocument {
  tags: { name: string }[]
  paths: Record<string, Record<string, { tags: string[]; summary: string; 'x-access': RouteAccess }>>
}

const KEYS: Readonly<Record<RouteAccess, string>> = { public: 'none', key: 'any', admin: 'the admin’s' }

/** All routes as a Markdown page, a table for each protocol. */
export function writeRouteTable(document: Record<string, unknown>): string {
  const { tags, paths } = document as unknown as ApiDocument
  const routes = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, route]) => ({ ...route, path, verb: verb.toUpperCase() })),
  )
  const sections = tags.map(({ name }) => {
    const own = routes.filter((route) => route.tags.includes(name))
    const rows = own.map(
      ({ path, verb, summary, 'x-access': access }) => `| ${verb} | \`${path}\` | ${summary} | ${KEYS[access]} |`,
    )
    return [`## ${name}`, '', '| verb | path | what | key, if any is set |', '| --- | --- | --- | --- |', ...rows].join('\n')
  })
  return sections.join('\n\n')
}
