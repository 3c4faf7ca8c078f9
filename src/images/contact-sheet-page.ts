import type { SheetEntry } from './contact-sheet.ts'
import { escapeXml } from './xmp-packet.ts'

/** A thumbnail inside the page. */
export interface SheetPicture {
  /** A data URL. */
  url: string
  width: number
  height: number
}

const STYLE = `
:root { color-scheme: light dark; --ground: #f6f6f4; --card: #fff; --text: #1c1c1a; --faint: #6d6d68; --line: #e3e3de; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #161617; --card: #202022; --text: #ececea; --faint: #9a9a95; --line: #303033; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem clamp(1rem, 3vw, 3rem); background: var(--ground); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 0 0 1.5rem; font-size: 1.3rem; font-weight: 600; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 1rem; }
main:has(.pair) { grid-template-columns: repeat(auto-fill, minmax(380px, 1fr)); }
figure { margin: 0; padding: .6rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; min-width: 0; }
.pictures { display: flex; gap: .4rem; }
.pictures > * { flex: 1; min-width: 0; position: relative; display: grid; place-items: center; aspect-ratio: 1;
  background: var(--ground); border-radius: 6px; overflow: hidden; }
img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.pair .pictures > *::after { content: attr(data-label); position: absolute; left: .4rem; bottom: .4rem; padding: 0 .4rem;
  border-radius: 4px; background: #0009; color: #fff; font-size: 11px; }
.missing { color: var(--faint); font-size: 12px; }
figcaption { margin-top: .5rem; }
.prompt { margin: 0; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 4; line-clamp: 4; overflow: hidden;
  overflow-wrap: anywhere; white-space: pre-line; }
.prompt:hover { -webkit-line-clamp: none; line-clamp: none; }
.facts { margin: .3rem 0 0; color: var(--faint); font-size: 12px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.facts span { white-space: nowrap; }
footer { margin-top: 2rem; color: var(--faint); }
`

/** The page up to its first card. */
export function renderHead(title: string): string {
  const name = escapeXml(title)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${name}</title>
<style>${STYLE}</style>
<h1>${name}</h1>
<main>
`
}

/** One picture with its prompt and facts. A source puts the pictures before and after side by side. */
export function renderCard(card: SheetEntry & { source?: SheetPicture | undefined; result?: SheetPicture | undefined }): string {
  const isPair = card.sourceFile !== undefined
  const link = card.file.split(/[\\/]/).map(encodeURIComponent).join('/')
  const before = isPair ? `<span data-label="before">${renderPicture(card.source)}</span>` : ''
  const after = `<a href="./${escapeXml(link)}" data-label="after">${renderPicture(card.result)}</a>`
  const seconds = card.ms === undefined ? undefined : `${(card.ms / 1000).toFixed(card.ms < 10_000 ? 2 : 1)} s`
  const seed = card.seed === undefined ? undefined : `seed ${card.seed}`
  const facts = [seed, seconds].filter((fact) => fact !== undefined).map((fact) => ` · <span>${fact}</span>`)
  return `<figure${isPair ? ' class="pair"' : ''}><div class="pictures">${before}${after}</div>
<figcaption><p class="prompt">${escapeXml(card.prompt)}</p><p class="facts">${escapeXml(card.file)}${facts.join('')}</p></figcaption></figure>
`
}

function renderPicture(picture: SheetPicture | undefined): string {
  if (!picture) return '<span class="missing">cannot be read</span>'
  return `<img src="${picture.url}" width="${picture.width}" height="${picture.height}" alt="" loading="lazy" decoding="async">`
}

/** The end of the page, which says how many pictures there are. */
export function renderFoot({ shown, total }: { shown: number; total: number }): string {
  const count = total === 1 ? '1 picture' : `${total} pictures`
  const text = shown < total ? `The first ${shown} of ${count}; the others are in the folder.` : count
  return `</main>
<footer>${text}</footer>
</html>
`
}
