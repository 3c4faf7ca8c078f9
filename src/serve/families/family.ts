import type { RouteBook } from '../http/route-book.ts'
import type { Services } from '../services.ts'

/** One protocol's routes, on the server's one queue. */
export interface Family {
  /** Its word for `--families`; absent: always served. */
  name?: string
  register(book: RouteBook, services: Services): void
}
