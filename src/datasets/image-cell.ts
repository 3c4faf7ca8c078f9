import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DiffgentorError } from '../errors.ts'

/** Where one picture is. */
export type ImageReference =
  | { kind: 'path'; path: string }
  | { kind: 'url'; url: string }
  /** The whole data URL. */
  | { kind: 'data'; url: string }
  | { kind: 'bytes'; bytes: Uint8Array }

/** The pictures that a cell names: a path, URL or data URL; several joined by `,` or `|`; a JSON array; embedded bytes alone or as `{bytes, path}`. Relative paths resolve against `folder`. */
export function parseImageCell(cell: unknown, folder: string): ImageReference[] {
  if (typeof cell === 'string') return parseText(cell, folder)
  if (cell instanceof Uint8Array) return [{ kind: 'bytes', bytes: cell }]
  if (Array.isArray(cell)) return cell.flatMap((part) => (part === null || part === undefined ? [] : parseItem(part, folder)))
  if (typeof cell === 'object' && cell !== null) return [parseStruct(cell as Record<string, unknown>, folder)]
  throw refuse(`a picture should be a path, a URL or bytes, got a ${typeof cell}`)
}

/** An element of an array stands for one picture, whatever commas it holds. */
function parseItem(item: unknown, folder: string): ImageReference[] {
  return typeof item === 'string' ? [parseReference(item.trim(), folder)] : parseImageCell(item, folder)
}

/** The layouts that data sets use for embedded or referenced pictures: `{bytes, path}`, `{url}`, `{image_url: {url}}`. */
function parseStruct(struct: Record<string, unknown>, folder: string): ImageReference {
  const { bytes, path, url, image_url: nested } = struct
  if (bytes instanceof Uint8Array && bytes.length > 0) return { kind: 'bytes', bytes }
  for (const text of [path, url, nested]) if (typeof text === 'string' && text !== '') return parseReference(text, folder)
  if (typeof nested === 'object' && nested !== null) return parseStruct(nested as Record<string, unknown>, folder)
  throw refuse(
    `an object with the fields ${Object.keys(struct).join(', ') || 'none'} names no picture; expected bytes, path or url`,
  )
}

function parseText(text: string, folder: string): ImageReference[] {
  const trimmed = text.trim()
  if (trimmed.startsWith('[') && !existsSync(resolve(folder, trimmed))) {
    const parsed = parseJsonArray(trimmed)
    if (parsed) return parseImageCell(parsed, folder)
  }
  return splitReferences(trimmed, folder).map((reference) => parseReference(reference, folder))
}

function parseJsonArray(text: string): unknown[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return Array.isArray(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

/** Cuts at `,` and `|`, and joins parts again where the cut went through a data URL or the name of a file that exists. */
function splitReferences(text: string, folder: string): string[] {
  if (!/[,|]/.test(text)) return text === '' ? [] : [text]
  const parts = text.split(/([,|])/)
  const references: string[] = []
  for (let at = 0; at < parts.length; ) {
    const taken = countParts(parts, at, folder)
    const reference = parts
      .slice(at, at + taken)
      .join('')
      .trim()
    if (reference !== '') references.push(reference)
    at += taken + 1
  }
  return references
}

/** Characters; no system has longer paths. */
const MAX_NAME_LENGTH = 4096

/** How many entries of `parts` (texts and the separators between them) make up the reference that begins at `at`. */
function countParts(parts: readonly string[], at: number, folder: string): number {
  const first = parts[at]!.trim()
  // A data URL has its one comma before the data, whose alphabet holds neither comma nor bar.
  if (/^data:/i.test(first)) return parts[at + 1] === ',' ? 3 : 1
  if (first === '') return 1
  if (/^https?:/i.test(first)) return countUrlParts(parts, at, folder)
  let taken = 1
  let name = parts[at]!
  for (let count = 3; at + count <= parts.length && name.length <= MAX_NAME_LENGTH; count += 2) {
    name += parts[at + count - 2]! + parts[at + count - 1]!
    if (existsSync(resolve(folder, name.trim()))) taken = count
  }
  return taken
}

/** A comma belongs to a URL unless something that can stand for itself follows: a blank, another address, or a file that exists. */
function countUrlParts(parts: readonly string[], at: number, folder: string): number {
  let count = 1
  while (parts[at + count] === ',') {
    const next = parts[at + count + 1]!
    if (next === '' || /^\s|^https?:|^data:/i.test(next) || existsSync(resolve(folder, next.trim()))) break
    count += 2
  }
  return count
}

function parseReference(text: string, folder: string): ImageReference {
  if (/^https?:/i.test(text)) return { kind: 'url', url: text }
  if (/^data:/i.test(text)) return { kind: 'data', url: text }
  if (/^file:\/\//i.test(text)) return { kind: 'path', path: toPath(text) }
  const scheme = /^([a-z][a-z0-9+.-]+):\/\//i.exec(text)?.[1]
  if (scheme) throw refuse(`addresses with ${scheme}: are not fetched; use http, https or a file`)
  if (text.includes('\0')) throw refuse('a path may not hold a zero byte')
  return { kind: 'path', path: resolve(folder, text) }
}

function toPath(url: string): string {
  try {
    return fileURLToPath(url)
  } catch {
    throw refuse('a file: address names a path on this machine, such as file:///pictures/a.png')
  }
}

function refuse(reason: string): DiffgentorError {
  return new DiffgentorError('invalid_row', `The row's picture cannot be used: ${reason}.`)
}
