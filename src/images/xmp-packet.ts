const NAMESPACE = 'urn:diffgentor:recipe:1'

/** An XMP packet with the recipe's JSON, and the prompt as the description that photo programs show. */
export function makeXmp({ json, prompt, version }: { json: string; prompt: string; version: string }): Uint8Array {
  const packet = `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:diffgentor="${NAMESPACE}">
<xmp:CreatorTool>${escapeXml(version)}</xmp:CreatorTool>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">${escapeXml(prompt)}</rdf:li></rdf:Alt></dc:description>
<diffgentor:recipe>${escapeXml(json)}</diffgentor:recipe>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`
  return Buffer.from(packet, 'utf8')
}

/** The recipe's JSON in an XMP packet; undefined when there is none. */
export function readXmpRecipe(packet: Uint8Array): string | undefined {
  const text = Buffer.from(packet.buffer, packet.byteOffset, packet.length).toString('utf8')
  const [, json] = /<diffgentor:recipe>([^<]*)<\/diffgentor:recipe>/.exec(text) ?? []
  return json === undefined ? undefined : unescapeXml(json)
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const CHARACTERS = Object.fromEntries(Object.entries(ENTITIES).map(([character, entity]) => [entity, character]))

/** Escapes for XML and HTML; characters that XML 1.0 forbids are left out. */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML forbids.
  const allowed = text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '')
  return allowed.replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}

function unescapeXml(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => CHARACTERS[entity]!)
}
