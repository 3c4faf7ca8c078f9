import { createHash } from 'node:crypto'
import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook } from '../../http/route-book.ts'
import { describeApi } from '../../openapi.ts'
import { DOCS_STYLE, writeDocsPage } from './docs-page.ts'

/** Our pages hold no script and load nothing. */
const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(DOCS_STYLE).digest('base64')}'; frame-ancestors 'none'`

export function answerDocsPage(html: string): Response {
  return new Response(html, {
    headers: { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': PAGE_POLICY },
  })
}

export function registerDocs(book: RouteBook): void {
  const page = {
    method: 'get',
    tag: 'diffgentor',
    access: 'public',
    answers: [{ status: 200, description: 'A page', type: 'text/html' }],
  } as const
  // Made when first asked for: by then every family has registered its routes.
  let api: Record<string, unknown> | undefined
  let html: string | undefined
  const readApi = () => {
    api ??= describeApi(book)
    return api
  }
  const answerPage = () => {
    html ??= writeDocsPage(readApi())
    return answerDocsPage(html)
  }
  book.add({ ...page, path: '/', summary: 'The documentation' }, answerPage)
  book.add({ ...page, path: '/docs', summary: 'The documentation' }, answerPage)
  book.add(
    {
      method: 'get',
      path: '/openapi.json',
      tag: 'diffgentor',
      summary: 'The routes as an OpenAPI 3.1 document',
      access: 'public',
      answers: [{ status: 200, description: 'OpenAPI 3.1' }],
    },
    () => jsonAnswer(readApi()),
  )
}
