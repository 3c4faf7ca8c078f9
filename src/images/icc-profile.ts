/**
 * Whether an ICC profile calls itself sRGB. Converting from sRGB to sRGB would only change pixels by rounding, and Pillow
 * leaves such pictures alone. (ICC.1: the tag table starts at byte 128; `desc` names the profile in Latin-1 or UTF-16.)
 */
export function isSrgbProfile(profile: Uint8Array): boolean {
  const bytes = Buffer.from(profile.buffer, profile.byteOffset, profile.length)
  if (bytes.length < 132) return false
  const count = Math.min(bytes.readUInt32BE(128), Math.floor((bytes.length - 132) / 12))
  for (let at = 132; at < 132 + count * 12; at += 12) {
    if (bytes.toString('latin1', at, at + 4) !== 'desc') continue
    const offset = bytes.readUInt32BE(at + 4)
    const text = bytes.toString('latin1', offset, offset + bytes.readUInt32BE(at + 8)).replaceAll('\0', '')
    return /\bsRGB\b/.test(text.slice(4)) && !/linear/i.test(text)
  }
  return false
}
