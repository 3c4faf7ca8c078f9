import { jsonAnswer } from '../../http/json-answer.ts'
import type { RouteBook, RouteSpec } from '../../http/route-book.ts'
import { describeApi } from '../../openapi.ts'
import { writeDocsPage } from '../diffgentor/docs-page.ts'
import { answerDocsPage } from '../diffgentor/docs-routes.ts'
import { pickFamily, writeSwagger } from './swagger.ts'

const TAG = 'mflux-server'

export function registerSwagger(book: RouteBook): void {
  const read = () => pickFamily(describeApi(book), TAG)
  const common: Pick<RouteSpec, 'method' | 'tag' | 'access'> = { method: 'get', tag: TAG, access: 'public' }
  for (const prefix of ['', '/api']) {
    book.add(
      {
        ...common,
        path: `${prefix}/swagger`,
        summary: 'The documentation of this family',
        answers: [{ status: 200, description: 'A page', type: 'text/html' }],
      },
      () => answerDocsPage(writeDocsPage(read())),
    )
    book.add(
      {
        ...common,
        path: `${prefix}/swagger.json`,
        summary: 'The routes of this family as a Swagger 2.0 document',
        answers: [{ status: 200, description: 'Swagger 2.0' }],
      },
      () => jsonAnswer(writeSwagger(read(), prefix === '' ? '/' : prefix)),
    )
  }
}
