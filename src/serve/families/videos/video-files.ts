import type { RawPicture } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { encodeVideo } from '../../../images/encode-video.ts'
import { enlargePicture } from '../../../images/enlarge-picture.ts'
import { joinSheet } from '../../../images/join-sheet.ts'
import { decodeFrame, joinVideos, readVideo } from '../../../images/read-video.ts'
import type { DrawnImage } from '../../drawing.ts'
import type { ImageStore } from '../../image-store.ts'
import type { VideoFiles, VideoPlan } from './video.ts'

/** Frames on the sheet at most, spread over the video, and their longer side in pixels. */
const SHEET_FRAMES = 20
const SHEET_SIDE = 160

/** Encodes a drawn video behind the one that it goes on from, its first frame and a sheet of some frames, and keeps them in the store. */
export async function keepVideo(
  store: ImageStore,
  plan: VideoPlan,
  { frames, bytes, recipe }: DrawnImage,
  signal: AbortSignal,
): Promise<VideoFiles> {
  if (!frames) throw new DiffgentorError('internal', `The model ${plan.order.model.id} gave back a picture in place of a video.`)
  const { framesPerSecond, beginning } = plan
  const drawn = await encodeVideo(frames, { framesPerSecond, quality: plan.order.quality, recipe, signal })
  const film = beginning ? joinVideos(readVideo(beginning), readVideo(drawn)) : drawn
  const [first, sheet] = beginning ? await lookInto(film) : [bytes, await drawSheet(spread(frames))]
  const [video, thumbnail, spritesheet] = await Promise.all([
    store.add([film], 'video/mp4'),
    store.add([first], 'image/webp'),
    store.add([sheet], 'image/jpeg'),
  ])
  return { video, thumbnail, spritesheet }
}

/** The first frame and the sheet of a film of which not all frames are at hand. */
async function lookInto(bytes: Uint8Array): Promise<[first: Uint8Array, sheet: Uint8Array]> {
  const film = readVideo(bytes)
  const chosen: RawPicture[] = []
  for (const place of spread([...film.samples.keys()])) chosen.push(await decodeFrame(film, place))
  return [await encodePicture(chosen[0]!, { format: 'webp' }), await drawSheet(chosen)]
}

/** Forgets the files of a video. */
export async function removeFiles(store: ImageStore, files: VideoFiles | undefined): Promise<void> {
  await Promise.all(Object.values(files ?? {}).map((id: string) => store.remove(id)))
}

/** So many of some things, evenly, as a sheet holds. */
function spread<T>(all: readonly T[]): T[] {
  const every = Math.ceil(all.length / SHEET_FRAMES)
  return all.filter((_, place) => place % every === 0)
}

async function drawSheet(chosen: readonly RawPicture[]): Promise<Uint8Array> {
  const small = await Promise.all(chosen.map(shrink))
  return await encodePicture(joinSheet(small.map((frame) => [frame])), { format: 'jpeg' })
}

async function shrink(frame: RawPicture): Promise<RawPicture> {
  const scale = Math.min(1, SHEET_SIDE / Math.max(frame.width, frame.height))
  const side = (length: number) => Math.max(1, Math.round(length * scale))
  return await enlargePicture(frame, { width: side(frame.width), height: side(frame.height) }, 'lanczos')
}
