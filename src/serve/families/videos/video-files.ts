import type { RawPicture } from '../../../contract/index.ts'
import { DiffgentorError } from '../../../errors.ts'
import { encodePicture } from '../../../images/encode-picture.ts'
import { encodeVideo } from '../../../images/encode-video.ts'
import { enlargePicture } from '../../../images/enlarge-picture.ts'
import { joinSheet } from '../../../images/join-sheet.ts'
import type { DrawnImage } from '../../drawing.ts'
import type { ImageStore } from '../../image-store.ts'
import type { VideoFiles, VideoPlan } from './video.ts'

/** Frames on the sheet at most, spread over the video, and their longer side in pixels. */
const SHEET_FRAMES = 20
const SHEET_SIDE = 160

/** Encodes a drawn video, its first frame and a sheet of some frames, and keeps them in the store. */
export async function keepVideo(
  store: ImageStore,
  plan: VideoPlan,
  { frames, bytes, recipe }: DrawnImage,
  signal: AbortSignal,
): Promise<VideoFiles> {
  if (!frames) throw new DiffgentorError('internal', `The model ${plan.order.model.id} gave back a picture in place of a video.`)
  const { framesPerSecond } = plan
  const film = await encodeVideo(frames, { framesPerSecond, quality: plan.order.quality, recipe, signal })
  const sheet = await drawSheet(frames)
  const [video, thumbnail, spritesheet] = await Promise.all([
    store.add([film], 'video/mp4'),
    store.add([bytes], 'image/webp'),
    store.add([sheet], 'image/jpeg'),
  ])
  return { video, thumbnail, spritesheet }
}

/** Forgets the files of a video. */
export async function removeFiles(store: ImageStore, files: VideoFiles | undefined): Promise<void> {
  await Promise.all(Object.values(files ?? {}).map((id: string) => store.remove(id)))
}

async function drawSheet(frames: readonly RawPicture[]): Promise<Uint8Array> {
  const every = Math.ceil(frames.length / SHEET_FRAMES)
  const chosen = frames.filter((_, place) => place % every === 0)
  const small = await Promise.all(chosen.map(shrink))
  return await encodePicture(joinSheet(small.map((frame) => [frame])), { format: 'jpeg' })
}

async function shrink(frame: RawPicture): Promise<RawPicture> {
  const scale = Math.min(1, SHEET_SIDE / Math.max(frame.width, frame.height))
  const side = (length: number) => Math.max(1, Math.round(length * scale))
  return await enlargePicture(frame, { width: side(frame.width), height: side(frame.height) }, 'lanczos')
}
