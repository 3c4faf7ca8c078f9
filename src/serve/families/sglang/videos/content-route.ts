import { DiffgentorError } from '../../../../errors.ts'
import { ownerOf } from '../../../http/owner.ts'
import type { RouteBook } from '../../../http/route-book.ts'
import type { ServerContext } from '../../../http/server-env.ts'
import { parseFields } from '../../../requests/wire-fields.ts'
import type { Services } from '../../../services.ts'
import type { Video } from './video.ts'
import type { VideoBoard } from './video-board.ts'
import { CONTENT_QUERY } from './video-fields.ts'

const EXTENSIONS = { video: 'mp4', thumbnail: 'webp', spritesheet: 'jpg' } as const

export function registerContent(book: RouteBook, services: Services, board: VideoBoard): void {
  book.add(
    {
      method: 'get',
      path: '/v1/videos/{id}/content',
      tag: 'Videos',
      summary: 'Fetch a finished video, its first frame, or a sheet of its frames',
      query: CONTENT_QUERY,
      answers: [{ status: 200, description: 'The file', type: 'video/mp4' }],
      // Asking again by itself helps nobody: clients poll the video, not its content.
      shapeProblem: (problem) => ({ ...problem, headers: { ...problem.headers, 'x-should-retry': 'false' } }),
    },
    async (c) => await answerContent(services, board, c),
  )
}

async function answerContent({ store }: Services, board: VideoBoard, c: ServerContext): Promise<Response> {
  const { variant = 'video' } = parseFields(CONTENT_QUERY, c.req.query())
  const video = board.get(c.req.param('id') ?? '', ownerOf(c))
  const file = video.files && (await store?.read(video.files[variant], 0))
  if (!file) throw new DiffgentorError('not_found', explain(video))
  return new Response(file.bytes, {
    headers: {
      'content-type': file.type,
      'content-length': String(file.bytes.byteLength),
      'content-disposition': `attachment; filename="${video.id}.${EXTENSIONS[variant]}"`,
      'x-content-type-options': 'nosniff',
    },
  })
}

function explain({ state, error }: Video): string {
  if (state === 'pending') return 'Generation is still in-progress'
  return state === 'failed' ? `Generation failed: ${error?.message}` : 'Video not found'
}
