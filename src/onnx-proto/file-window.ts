import { type FileHandle, open } from 'node:fs/promises'
import { DiffgentorError } from '../errors.ts'

const WINDOW_BYTES = 16 * 1024

/** Reads a file in small windows, so that large payloads are stepped over and never loaded. */
export class FileWindow implements AsyncDisposable {
  readonly file: string
  readonly size: number
  readonly #handle: FileHandle
  readonly #buffer = new Uint8Array(WINDOW_BYTES)
  #start = 0
  #length = 0

  private constructor(file: string, handle: FileHandle, size: number) {
    this.file = file
    this.#handle = handle
    this.size = size
  }

  static async open(file: string): Promise<FileWindow> {
    const handle = await open(file, 'r').catch((cause: unknown) => {
      throw new DiffgentorError('model_not_found', `The model file ${file} cannot be opened.`, { cause })
    })
    try {
      const stats = await handle.stat()
      if (!stats.isFile()) throw new DiffgentorError('model_unreadable', `${file} is not a file, so it cannot be an ONNX model.`)
      return new FileWindow(file, handle, stats.size)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** The bytes of the current window from `position` on, at least `length` of them unless the file ends. Undefined: call `fill` first. */
  peek(position: number, length: number): Uint8Array | undefined {
    const from = position - this.#start
    const wanted = Math.min(length, this.size - position)
    if (from < 0 || from + wanted > this.#length) return undefined
    return this.#buffer.subarray(from, this.#length)
  }

  /** Moves the window so that it begins at `position`. */
  async fill(position: number): Promise<void> {
    this.#start = position
    this.#length = await this.#readInto(this.#buffer, position)
  }

  /** A copy of the bytes of a field. */
  async read(position: number, length: number): Promise<Uint8Array> {
    const held = length <= WINDOW_BYTES ? this.peek(position, length) : undefined
    if (held !== undefined && held.length >= length) return held.slice(0, length)
    const bytes = new Uint8Array(length)
    const count = await this.#readInto(bytes, position)
    if (count < length) throw new DiffgentorError('model_unreadable', `The model file ${this.file} ended while it was read.`)
    return bytes
  }

  async #readInto(target: Uint8Array, position: number): Promise<number> {
    let filled = 0
    while (filled < target.length) {
      const { bytesRead } = await this.#handle.read(target, filled, target.length - filled, position + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close()
  }
}
