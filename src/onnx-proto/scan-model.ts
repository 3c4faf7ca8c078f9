import { DiffgentorError } from '../errors.ts'
import { GRAPH, MODEL, TENSOR } from './field-numbers.ts'
import { FileWindow } from './file-window.ts'
import { ProtoMessage } from './proto-message.ts'
import { BYTES, FIXED32, FIXED64, tornMessage, VARINT, WireReader, type WireType } from './wire-format.ts'

/** Payloads of initializers above this many bytes stay in the file. */
const INLINE_LIMIT = 1024
/** No field outside the initializers is anywhere near this large. */
const LOADED_LIMIT = 512 * 1024 * 1024
/** Protocol buffers end here. */
const PROTO_LIMIT = 2 ** 31
/** A tag and a length are ten bytes each at most. */
const HEADER_BYTES = 20

interface FieldPlace {
  number: number
  wireType: WireType
  /** Where the payload begins and how long it is, in bytes. */
  offset: number
  length: number
}

/** How deep a message is opened: which fields hold messages to scan, and whether large payloads stay in the file. */
interface ScanPlan {
  nested: Readonly<Record<number, ScanPlan>>
  leaveInFile: boolean
}

const TENSOR_PLAN: ScanPlan = { nested: {}, leaveInFile: true }
const GRAPH_PLAN: ScanPlan = { nested: { [GRAPH.initializer]: TENSOR_PLAN }, leaveInFile: false }
const MODEL_PLAN: ScanPlan = { nested: { [MODEL.graph]: GRAPH_PLAN }, leaveInFile: false }

/** Reads a model file without the data of its initializers, which stay behind as file spans. */
export async function scanModel(file: string): Promise<ProtoMessage> {
  await using window = await FileWindow.open(file)
  if (window.size === 0) throw new DiffgentorError('model_unreadable', `The model file ${file} is empty.`)
  if (window.size >= PROTO_LIMIT) {
    throw new DiffgentorError('model_unreadable', `${file} is larger than 2 GiB, which no ONNX model file can be.`)
  }
  return await scanMessage(window, 0, window.size, MODEL_PLAN).catch((error: unknown) => {
    throw nameFile(file, error)
  })
}

/** Runs what reads parts of an opened model, so that a fault in the bytes names the file. */
export function namingFile<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw nameFile(file, error)
  }
}

function nameFile(file: string, error: unknown): unknown {
  if (!(error instanceof DiffgentorError)) return error
  return new DiffgentorError('model_unreadable', `The model file ${file} is torn or is not ONNX.`, { cause: error })
}

async function scanMessage(window: FileWindow, start: number, end: number, plan: ScanPlan): Promise<ProtoMessage> {
  const message = new ProtoMessage()
  let position = start
  while (position < end) {
    if (window.peek(position, HEADER_BYTES) === undefined) await window.fill(position)
    const place = readHeader(window, position, end)
    message.fields.push({ number: place.number, wireType: place.wireType, value: await scanValue(window, place, plan) })
    position = place.offset + place.length
  }
  return message
}

async function scanValue(
  window: FileWindow,
  place: FieldPlace,
  plan: ScanPlan,
): Promise<ProtoMessage['fields'][number]['value']> {
  const nested = place.wireType === BYTES ? plan.nested[place.number] : undefined
  if (nested !== undefined) return scanMessage(window, place.offset, place.offset + place.length, nested)
  if (plan.leaveInFile && place.length > INLINE_LIMIT && place.number === TENSOR.rawData) {
    return { file: window.file, offset: place.offset, length: place.length }
  }
  if (place.length > LOADED_LIMIT) throw tornMessage('a field is larger than 512 MiB')
  return window.read(place.offset, place.length)
}

function readHeader(window: FileWindow, position: number, end: number): FieldPlace {
  const reader = new WireReader(window.peek(position, HEADER_BYTES) ?? new Uint8Array())
  const { number, wireType } = reader.readTag()
  const length = payloadLength(reader, wireType)
  const offset = position + reader.position
  if (offset + length > end) throw tornMessage('a field is longer than what holds it')
  return { number, wireType, offset, length }
}

/** Leaves the reader where the payload begins. */
function payloadLength(reader: WireReader, wireType: WireType): number {
  if (wireType === FIXED64) return 8
  if (wireType === FIXED32) return 4
  if (wireType === BYTES) return reader.readVarint()
  const start = reader.position
  reader.skipVarint()
  const length = reader.position - start
  reader.position = start
  return wireType === VARINT ? length : 0
}
