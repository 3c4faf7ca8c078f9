import { DiffgentorError } from '../errors.ts'

/** What a `spiece.model` file tells of a unigram vocabulary. */
export interface SentencePieceModel {
  /** Pieces with their log probabilities, by id. */
  pieces: [piece: string, score: number][]
  unknownId: number
  /** Precompiled normalization rules; undefined where the model normalizes nothing. */
  charsMap: Uint8Array | undefined
}

/** Field numbers of sentencepiece_model.proto. */
const MODEL = { pieces: 1, trainer: 2, normalizer: 3 }
const PIECE = { text: 1, score: 2, type: 3 }
const TRAINER = { modelType: 3 }
const NORMALIZER = { charsMap: 2 }

const UNKNOWN_PIECE = 2
const UNIGRAM = 1

/** Reads the parts of a SentencePiece model that a unigram tokenizer needs. Rejects other kinds of models. */
export function readSentencePiece(bytes: Uint8Array, file: string): SentencePieceModel {
  try {
    return parseModel(bytes)
  } catch (cause) {
    if (cause instanceof DiffgentorError) throw cause
    throw new DiffgentorError('model_unreadable', `The file ${file} is no SentencePiece model, or it is torn.`, { cause })
  }
}

function parseModel(bytes: Uint8Array): SentencePieceModel {
  const model: SentencePieceModel = { pieces: [], unknownId: 0, charsMap: undefined }
  for (const { number, content } of readFields(bytes)) {
    if (number === MODEL.pieces) {
      const { text, score, type } = parsePiece(content)
      if (type === UNKNOWN_PIECE) model.unknownId = model.pieces.length
      model.pieces.push([text, score])
    } else if (number === MODEL.trainer) {
      checkTrainer(content)
    } else if (number === MODEL.normalizer) {
      for (const field of readFields(content)) {
        if (field.number === NORMALIZER.charsMap && field.content.length > 0) model.charsMap = field.content
      }
    }
  }
  if (model.pieces.length === 0) throw new RangeError('no pieces')
  return model
}

function parsePiece(bytes: Uint8Array): { text: string; score: number; type: number } {
  const piece = { text: '', score: 0, type: 1 }
  for (const { number, content, value } of readFields(bytes)) {
    if (number === PIECE.text) piece.text = Buffer.from(content).toString('utf8')
    if (number === PIECE.score) piece.score = new DataView(content.buffer, content.byteOffset).getFloat32(0, true)
    if (number === PIECE.type) piece.type = value
  }
  return piece
}

function checkTrainer(bytes: Uint8Array): void {
  for (const { number, value } of readFields(bytes)) {
    if (number !== TRAINER.modelType || value === UNIGRAM) continue
    throw new DiffgentorError(
      'unsupported',
      'The spiece.model of this tokenizer is not of the unigram kind; export the model with its tokenizer.json.',
    )
  }
}

interface Field {
  number: number
  /** Payload of a field with a length, or the raw bytes of a fixed-size one. */
  content: Uint8Array
  /** Value of a variable-length number. */
  value: number
}

/** The fields of a protocol buffer message (protobuf.dev/programming-guides/encoding). */
function* readFields(bytes: Uint8Array): Generator<Field> {
  let position = 0
  const readVarint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[position++]
      if (byte === undefined) throw new RangeError('torn')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (position < bytes.length) {
    const tag = readVarint()
    const wireType = tag & 7
    const value = wireType === 0 || wireType === 2 ? readVarint() : 0
    const length = wireType === 2 ? value : wireType === 5 ? 4 : wireType === 1 ? 8 : 0
    if (position + length > bytes.length || wireType > 5) throw new RangeError('torn')
    yield { number: Math.floor(tag / 8), content: bytes.subarray(position, position + length), value }
    position += length
  }
}
