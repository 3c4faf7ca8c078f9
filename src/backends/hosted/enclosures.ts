import { randomUUID } from 'node:crypto'
import { base64Length, base64Pieces } from '../../event-loop/base64-pieces.ts'
import type { Upload } from './upload-picture.ts'

/** Bytes handed to a connection at once. */
const PIECE = 256 * 1024
/** Digits of a picture's number in its mark. */
const DIGITS = 4

/** A stretch of a body. */
interface Segment {
  bytes: Uint8Array
  /** Goes out as base64 text. */
  isText: boolean
}

/** A body whose length is known before it is sent. */
export interface SizedBody {
  /** In bytes. */
  length: number
  pieces: () => AsyncGenerator<Uint8Array>
}

/**
 * Pictures on their way to a provider. An SDK wants each as one text or one file, and copies them several times in one go, for which
 * all others would wait. It is given marks instead, and the pictures take their places piece by piece while the request is sent.
 */
export class Enclosures {
  readonly #mark = randomUUID()
  readonly #enclosed: Segment[] = []

  get isEmpty(): boolean {
    return this.#enclosed.length === 0
  }

  /** Stands for the picture's base64 text. */
  asText(bytes: Uint8Array): string {
    return this.#add({ bytes, isText: true })
  }

  /** Stands for the picture as a file of a form. */
  asFile({ bytes, mime, fileName }: Upload): File {
    return new File([this.#add({ bytes, isText: false })], fileName, { type: mime })
  }

  /** What an SDK wrote, with pictures in place of marks. */
  fill(written: Uint8Array): SizedBody {
    const segments = [...this.#split(Buffer.from(written.buffer, written.byteOffset, written.byteLength))]
    return {
      length: segments.reduce((sum, segment) => sum + lengthOf(segment), 0),
      pieces: async function* pieces() {
        for (const segment of segments) yield* piecesOf(segment)
      },
    }
  }

  #add(enclosure: Segment): string {
    this.#enclosed.push(enclosure)
    return this.#mark + String(this.#enclosed.length - 1).padStart(DIGITS, '0')
  }

  *#split(written: Buffer): Generator<Segment> {
    let done = 0
    for (let at = written.indexOf(this.#mark); at !== -1; at = written.indexOf(this.#mark, done)) {
      const number = at + this.#mark.length
      yield { bytes: written.subarray(done, at), isText: false }
      yield this.#enclosed[Number(written.toString('latin1', number, number + DIGITS))]!
      done = number + DIGITS
    }
    yield { bytes: written.subarray(done), isText: false }
  }
}

function lengthOf({ bytes, isText }: Segment): number {
  return isText ? base64Length(bytes.byteLength) : bytes.byteLength
}

async function* piecesOf({ bytes, isText }: Segment): AsyncGenerator<Uint8Array> {
  if (isText) yield* base64Pieces(bytes)
  else for (let start = 0; start < bytes.byteLength; start += PIECE) yield bytes.subarray(start, start + PIECE)
}
