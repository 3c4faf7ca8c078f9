import type { BatchSettings } from '../config/settings.ts'
import type { EditSource, EncodedPicture, ImageBackend } from '../contract/index.ts'
import { readColumn, readImageCells } from '../datasets/columns.ts'
import { parseImageCell } from '../datasets/image-cell.ts'
import { loadImage } from '../datasets/load-image.ts'
import { DiffgentorError } from '../errors.ts'
import { hashBytes } from '../event-loop/hash-bytes.ts'
import type { Fetcher } from '../fetching/fetcher.ts'
import { prepareMask } from '../images/edit-mask.ts'
import { prepareSource } from '../images/prepare-source.ts'
import type { RowPlan } from './plan-row.ts'
import type { RowSources, SourceLoader } from './source-loader.ts'

interface LoaderFacts {
  kind: 't2i' | 'edit'
  settings: BatchSettings
  backend: ImageBackend
  /** Against which a row's paths resolve. */
  folder: string
  fetcher: Fetcher
}

const NOTHING: RowSources = { controlImages: [], ipAdapterImages: [], warnings: [] }

/** Makes the loader of a run: source pictures, masks and condition pictures by the rows' columns and the run's settings. */
export function makeSourceLoader(facts: LoaderFacts): SourceLoader {
  return async (plan, signal) => {
    const controlImages = plan.settings.controlnet ? await loadControlImages(plan, facts, signal) : []
    const ipAdapterImages = plan.settings.ipAdapterImage ? await loadIpAdapterImages(plan, facts, signal) : []
    if (facts.kind === 't2i') return { ...NOTHING, controlImages, ipAdapterImages }
    return { ...(await loadEdit(plan, facts, signal)), controlImages, ipAdapterImages }
  }
}

type EditSources = Omit<RowSources, 'controlImages' | 'ipAdapterImages'>

async function loadEdit(plan: RowPlan, facts: LoaderFacts, signal: AbortSignal): Promise<EditSources> {
  const { values, place } = plan.row
  const { settings, backend } = facts
  const files = await loadCells(readImageCells(values, settings.imageKey), facts, signal)
  if (files.length === 0) {
    throw new DiffgentorError('invalid_row', `The row at ${place} names no source picture.`, { field: 'image' })
  }
  const alpha = backend.capabilities.paid ? 'keep' : 'white'
  const sources = await Promise.all(files.map((bytes) => prepareSource(bytes, { alpha })))
  const mask = await loadMask(plan, facts, signal)
  const edit: EditSource = {
    images: sources.map(({ bytes }) => bytes),
    mask: mask && (await prepareMask(mask, sources[0]!.size)),
    strength: plan.settings.strength,
    imageGuidanceScale: plan.settings.imageGuidanceScale,
  }
  const hashes = { sourceHashes: await Promise.all(files.map(hashBytes)), maskHash: mask && (await hashBytes(mask)) }
  return { edit, ...hashes, warnings: sources.flatMap(({ notes }) => notes) }
}

async function loadMask(plan: RowPlan, facts: LoaderFacts, signal: AbortSignal): Promise<EncodedPicture | undefined> {
  const cell = readColumn(plan.row.values, [facts.settings.maskKey])
  if (cell === undefined) return undefined
  const masks = await loadCells([cell], facts, signal)
  if (masks.length === 1) return masks[0]
  throw new DiffgentorError('invalid_row', `The row at ${plan.row.place} should name one mask, got ${masks.length}.`, {
    field: 'mask',
  })
}

/** As with condition pictures, the row's own resolve against the data set. */
async function loadIpAdapterImages(
  { own, settings }: RowPlan,
  facts: LoaderFacts,
  signal: AbortSignal,
): Promise<EncodedPicture[]> {
  const folder = own.ipAdapterImage ? facts.folder : process.cwd()
  return await loadCells(settings.ipAdapterImage ?? [], { ...facts, folder }, signal)
}

/** Condition pictures: the row's own resolve against the data set, those of the command line against the working folder. */
async function loadControlImages(plan: RowPlan, facts: LoaderFacts, signal: AbortSignal): Promise<EncodedPicture[]> {
  const folder = plan.own.controlImage ? facts.folder : process.cwd()
  const pictures = await loadCells([[...(plan.settings.controlImage ?? [])]], { ...facts, folder }, signal)
  const wanted = plan.settings.controlnet!.length
  if (pictures.length !== wanted) {
    throw new DiffgentorError(
      'invalid_row',
      `The row at ${plan.row.place} needs one control_image for each of its ${wanted} ControlNets, got ${pictures.length}.`,
      { field: 'control_image' },
    )
  }
  return pictures
}

async function loadCells(
  cells: readonly unknown[],
  { folder, fetcher }: LoaderFacts,
  signal: AbortSignal,
): Promise<Uint8Array[]> {
  const references = cells.flatMap((cell) => parseImageCell(cell, folder))
  return await Promise.all(references.map((reference) => loadImage(reference, fetcher, signal)))
}
