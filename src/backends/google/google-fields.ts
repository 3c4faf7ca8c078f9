/** Fields of the configuration of generateContent, which the SDK puts where they belong. */
const CONFIG_FIELDS: ReadonlySet<string> = new Set([
  'cachedContent',
  'candidateCount',
  'imageConfig',
  'labels',
  'maxOutputTokens',
  'mediaResolution',
  'responseModalities',
  'safetySettings',
  'seed',
  'serviceTier',
  'stopSequences',
  'systemInstruction',
  'temperature',
  'thinkingConfig',
  'toolConfig',
  'tools',
  'topK',
  'topP',
])

const HARM_CATEGORIES = [
  'HARM_CATEGORY_HARASSMENT',
  'HARM_CATEGORY_HATE_SPEECH',
  'HARM_CATEGORY_SEXUALLY_EXPLICIT',
  'HARM_CATEGORY_DANGEROUS_CONTENT',
]

/** Extra fields by where they go. */
export interface SortedFields {
  /** Ratio and size class, when given in words. */
  aspectRatio: string | undefined
  imageSize: string | undefined
  config: Record<string, unknown>
  /** Fields that the SDK does not know, for the top of the body. */
  body: Record<string, unknown>
}

/** Sorts a request's extra fields; names may be written in snake_case. One threshold alone stands for all categories of harm. */
export function sortFields(extra: Readonly<Record<string, unknown>>): SortedFields {
  const config: Record<string, unknown> = {}
  const body: Record<string, unknown> = {}
  const shape: { aspectRatio?: string; imageSize?: string } = {}
  for (const [key, value] of Object.entries(extra)) {
    const name = toCamelCase(key)
    if (name === 'aspectRatio' || name === 'imageSize') shape[name] = String(value)
    else if (name === 'safetySettings' && typeof value === 'string') config[name] = spreadThreshold(value)
    else if (CONFIG_FIELDS.has(name)) config[name] = value
    else body[key] = value
  }
  return { aspectRatio: shape.aspectRatio, imageSize: shape.imageSize, config, body }
}

/** `sample_count` → `sampleCount`; other spellings stay. */
export function toCamelCase(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function spreadThreshold(threshold: string): { category: string; threshold: string }[] {
  return HARM_CATEGORIES.map((category) => ({ category, threshold }))
}
