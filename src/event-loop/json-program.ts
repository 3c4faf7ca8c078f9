/**
 * The program of a JSON thread. It is text because a worker file would need its own build step to run from sources. Long strings
 * that can only be pictures leave it decoded and moved, not copied, so that the event loop never touches their characters.
 */
export const JSON_PROGRAM = `
const { isAscii } = require('node:buffer')
const { parentPort } = require('node:worker_threads')
const MOST_VALUES = 1e6
const LONG = 65536

function parse(bytes) {
  const moved = []
  let count = 0
  const value = JSON.parse(readText(bytes), (key, value) => {
    if (++count > MOST_VALUES) throw new Error('It holds more than a million values.')
    if (typeof value !== 'string' || value.length < LONG) return value
    const head = /^data:[^,]{0,100};base64,/.exec(value.slice(0, 128))
    const text = head ? value.slice(head[0].length) : value
    if (!/^[A-Za-z0-9+/_=\\s-]*$/.test(text)) return value
    const decoded = Buffer.from(text, 'base64')
    moved.push(decoded.buffer)
    return new Uint8Array(decoded.buffer, decoded.byteOffset, decoded.byteLength)
  })
  return { value, moved }
}

function readText(bytes) {
  if (!isAscii(bytes)) return new TextDecoder().decode(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).latin1Slice()
}

let received = []

parentPort.on('message', ({ pieces, isLast }) => {
  received.push(...pieces)
  if (!isLast) return
  const bytes = Buffer.concat(received)
  received = []
  try {
    const { value, moved } = parse(bytes)
    parentPort.postMessage({ value }, moved)
  } catch (error) {
    parentPort.postMessage({ fault: String(error.message) })
  }
})
`
