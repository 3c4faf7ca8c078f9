import type { CallContext, DiffusionOptions, ImageRequest, ImageWarning, Size } from '../contract/index.ts'
import { DiffgentorError } from '../errors.ts'
import { createScheduler } from '../schedulers/create-scheduler.ts'
import type { AdapterPlan } from './adapter-plan.ts'
import type { ModelFacts } from './folder/inspect-model.ts'
import { assertSize, sizeForSource } from './folder/size-rule.ts'
import { assertIpAdapter } from './ip-adapter/assert-ip-adapter.ts'
import type { DrawingJob, DrawingMode, OpenModel } from './job.ts'
import { replaceOutdated } from './outdated-scheduler.ts'
import { tooWeak } from './schedule.ts'
import { readConditions, readReferences, readSources, toConditionTensor, toMask, toSourceTensor } from './sources.ts'
import type { Vae } from './vae.ts'

export interface JobParts {
  request: ImageRequest
  context: CallContext
  adapters: AdapterPlan
  vae: Vae
  warn: (warning: ImageWarning) => void
}

/** Fills in every default of a request, and rejects what the model cannot do before anything is computed. */
export async function resolveJob({ facts }: OpenModel, parts: JobParts): Promise<DrawingJob> {
  const { request, vae, warn } = parts
  const mode = chooseMode(facts, request)
  const references = mode === 'reference' ? await readReferences(request.edit!) : []
  const sources = mode === 'image' || mode === 'mask' ? await readSources(request.edit!) : undefined
  const { diffusion } = request
  const choices = diffusion?.controlnets ?? []
  if (choices.length > 0 && facts.signatures.has('transformer')) {
    throw unsupported('The local engine has no ControlNets for transformer models; leave controlnet out.')
  }
  assertIpAdapter(facts, diffusion?.ipAdapter)
  const conditions = await readConditions(choices)
  const size = chooseSize(facts, request, { references, source: sources?.image ?? conditions[0] }, warn)
  const numInferenceSteps = countListed(diffusion) ?? request.numInferenceSteps ?? facts.defaults.numInferenceSteps
  const strength = chooseStrength(facts, request, mode)
  if (strength <= 0) throw tooWeak({ numInferenceSteps, strength })
  const scheduler = createScheduler({
    name: diffusion?.scheduler,
    modelConfig: replaceOutdated(facts, { mode, controlled: choices.length > 0, name: diffusion?.scheduler }),
    overrides: diffusion?.schedulerConfig,
  })
  if (scheduler.warning) warn({ kind: 'adjusted', field: 'scheduler', detail: scheduler.warning })
  const { scaleFactor, latentChannels } = vae.config
  return {
    ...parts,
    mode,
    size,
    latentShape: [1, latentChannels, size.height / scaleFactor, size.width / scaleFactor],
    numInferenceSteps,
    guidanceScale: request.guidanceScale ?? defaultGuidance(facts, mode),
    strength,
    source: sources && toSourceTensor(sources.image, size),
    mask: sources?.mask && toMask(sources.mask, size),
    references,
    controls: choices.map((choice, i) => ({ choice, picture: toConditionTensor(conditions[i]!, size) })),
    scheduler,
    schedulerConfig: { ...facts.schedulerConfig, ...diffusion?.schedulerConfig },
    alignedFamily: facts.family.startsWith('stable-diffusion-xl') ? 'stable-diffusion-xl' : 'stable-diffusion',
  }
}

/** Steps that a list of timesteps or noise levels stands for; the last level may be the end itself. */
function countListed({ timesteps, sigmas }: DiffusionOptions = {}): number | undefined {
  return timesteps?.length ?? (sigmas?.at(-1) === 0 ? sigmas.length - 1 : sigmas?.length)
}

function chooseMode({ traits, signatures }: ModelFacts, { edit }: ImageRequest): DrawingMode {
  if (!edit) {
    if (traits.generate) return 'text'
    throw unsupported('This model edits pictures and cannot draw from text alone; give it a source picture.')
  }
  if (!traits.edit) throw unsupported('This model draws from text and cannot edit pictures; choose another model.')
  if (!signatures.has('vae_encoder')) {
    throw unsupported('This model has no VAE encoder (vae_encoder/model.onnx), so it cannot edit pictures; export it with one.')
  }
  const most = traits.references?.most ?? 1
  if (edit.images.length > most) {
    const taken = most === 1 ? 'one source picture' : `at most ${most} source pictures`
    throw new DiffgentorError('invalid_request', `This model takes ${taken}, got ${edit.images.length}.`, { field: 'image' })
  }
  if (traits.references && !edit.mask) return 'reference'
  if (!edit.mask) {
    if (traits.needsMask) throw unsupported('This is an inpainting model: give it a mask of what to repaint.')
    return 'image'
  }
  if (traits.mask) return 'mask'
  throw unsupported('This model edits whole pictures and knows no masks; leave the mask out or choose another model.')
}

function unsupported(message: string): DiffgentorError {
  return new DiffgentorError('unsupported', message)
}

interface GivenPictures {
  references: readonly Size[]
  source: Size | undefined
}

function chooseSize(
  { sizes, traits, folder }: ModelFacts,
  request: ImageRequest,
  { references, source }: GivenPictures,
  warn: JobParts['warn'],
): Size {
  // Asked even where a size is given: it rejects pictures that cannot be looked at.
  const ofReferences = references.length > 0 ? traits.references!.sizeFor(references, folder.generationConfig) : undefined
  const told = request.size ?? ofReferences
  if (told || !source) {
    assertSize(told ?? sizes.default, sizes)
    return told ?? sizes.default
  }
  const { width, height } = source
  const size = sizeForSource({ width, height }, sizes)
  if (size.width !== width || size.height !== height) {
    const detail = `The source of ${width}x${height} is edited at ${size.width}x${size.height}, a size that the model draws.`
    warn({ kind: 'adjusted', field: 'size', detail })
  }
  return size
}

function defaultGuidance({ defaults, traits }: ModelFacts, mode: DrawingMode): number {
  const isFamilyDefault = defaults.guidanceScale === traits.guidanceScale
  if (!isFamilyDefault) return defaults.guidanceScale
  if (mode === 'mask') return traits.maskGuidanceScale
  return (mode === 'image' ? traits.imageGuidanceScale : undefined) ?? traits.guidanceScale
}

function chooseStrength({ defaults, traits }: ModelFacts, { edit }: ImageRequest, mode: DrawingMode): number {
  if (mode === 'text' || mode === 'reference') return 1
  return edit?.strength ?? (mode === 'mask' ? traits.maskStrength : defaults.strength)
}
