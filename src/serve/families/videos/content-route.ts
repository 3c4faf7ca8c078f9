import { DiffgentorError } from '../../../errors.ts'
import { answerFile } from '../../http/file-answer.ts'
import { ownerOf } from '../../http/owner.ts'
import type { RouteBook } from '../../http/route-book.ts'
import type { ServerContext } from '../../http/server-env.ts'
import { parseFields } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'
import { offerStored } from '../../stored-file.ts'
import type { Video } from './video.ts'
import type { VideoBoard } from './video-board.ts'
import { CONTENT_QUERY } from './video-fields.ts'

export function registerContent(book: RouteBook, services: Services, board: VideoBoard): void {
  book.add(
    {
      method: 'get',
      path: '/v1/videos/{id}/content',
      tag: 'Videos',
      summary: 'Fetch a finished video, its first frame, or a sheet of its frames',
      query: CONTENT_QUERY,
      answers: [
        { status: 200, description: 'The file', type: 'video/mp4' },
        { status: 206, description: 'The part that Range asks for', type: 'video/mp4' },
      ],
      // Asking again by itself helps nobody: clients poll the video, not its content.
      shapeProblem: (problem) => ({ ...problem, headers: { ...problem.headers, 'x-should-retry': 'false' } }),
    },
    (c) => answerContent(services, board, c),
  )
}

function answerContent({ store }: Services, board: VideoBoard, c: ServerContext): Response {
  const { variant = 'video' } = parseFields(CONTENT_QUERY, c.req.query())
  const video = board.get(c.req.param('id') ?? '', ownerOf(c))
  const file = store && video.files && offerStored(store, video.files[variant], 0, video.id)
  if (!file) throw new DiffgentorError('not_found', explain(video))
  return answerFile(c, file)
}

function explain({ state, error }: Video): string {
  if (state === 'pending') return 'Generation is still in-progress'
  return state === 'failed' ? `Generation failed: ${error?.message}` : 'Video not found'
}
