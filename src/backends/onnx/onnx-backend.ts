import type { BackendSettings } from '../../config/settings.ts'
import type { ImageBackend } from '../../contract/index.ts'
import { DiffgentorError } from '../../errors.ts'

/** Placeholder until its author replaces this file. */
export async function openOnnxBackend(_settings: BackendSettings): Promise<ImageBackend> {
  throw new DiffgentorError('unsupported', 'This backend is being written.')
}
