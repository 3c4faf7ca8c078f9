import { createHash } from 'node:crypto'
import { basename } from 'node:path'
import type { ImageRequest } from '../contract/index.ts'
import type { DrawingJob } from './job.ts'
import type { PipelineFamily, PipelineResult } from './pipeline.ts'

/** What was really used: enough to draw the same picture again. */
export function describeRecipe(family: PipelineFamily, job: DrawingJob): PipelineResult['recipe'] {
  return {
    family,
    scheduler: job.scheduler.className,
    schedulerConfig: job.scheduler.config,
    numInferenceSteps: job.numInferenceSteps,
    guidanceScale: job.guidanceScale,
    settings: withoutAbsent({
      width: job.size.width,
      height: job.size.height,
      true_cfg_scale: job.request.trueCfgScale,
      ...describeEdit(job),
      ...describeDiffusion(job.request.diffusion ?? {}),
    }),
  }
}

function describeEdit({ mode, strength, request }: DrawingJob): Record<string, unknown> {
  if (mode === 'text') return {}
  return { strength, image_guidance_scale: request.edit?.imageGuidanceScale }
}

function describeDiffusion(diffusion: NonNullable<ImageRequest['diffusion']>): Record<string, unknown> {
  return {
    timesteps: diffusion.timesteps,
    sigmas: diffusion.sigmas,
    guidance_rescale: diffusion.guidanceRescale,
    clip_skip: diffusion.clipSkip,
    prompt_2: diffusion.prompt2,
    prompt_3: diffusion.prompt3,
    negative_prompt_2: diffusion.negativePrompt2,
    negative_prompt_3: diffusion.negativePrompt3,
    resize_references: diffusion.resizeReferences,
    eta: diffusion.eta,
    prompt_syntax: diffusion.promptSyntax,
    noise_source: diffusion.noiseSource ?? 'torch-cpu',
    noise_dtype: diffusion.noiseDtype ?? 'float32',
    variation_strength: diffusion.variationStrength || undefined,
    variation_seed: diffusion.variationStrength ? (diffusion.variationSeed ?? 0) : undefined,
    seed_resize_from: diffusion.seedResizeFrom,
    mask_fill: diffusion.maskFill === 'source' ? undefined : diffusion.maskFill,
    lora: diffusion.loras?.map(({ path, weight }) => ({ file: basename(path), weight })),
    embedding: diffusion.embeddings?.map(({ path, token }) => withoutAbsent({ file: basename(path), token })),
    controlnet: diffusion.controlnets?.map(({ path, scale, start, end }) => ({ folder: basename(path), scale, start, end })),
    ip_adapter_image: diffusion.ipAdapter?.images.map((image) => `sha256:${createHash('sha256').update(image).digest('hex')}`),
    ip_adapter_scale: diffusion.ipAdapter?.scale,
    guess_mode: diffusion.guessMode || undefined,
    vae: nameOf(diffusion.vae),
    refiner: nameOf(diffusion.refiner),
    denoising_end: diffusion.denoisingEnd,
    denoising_start: diffusion.denoisingStart,
    original_size: diffusion.originalSize,
    target_size: diffusion.targetSize,
    crop_top_left: diffusion.cropTopLeft,
    negative_original_size: diffusion.negativeOriginalSize,
    negative_target_size: diffusion.negativeTargetSize,
    negative_crop_top_left: diffusion.negativeCropTopLeft,
    aesthetic_score: diffusion.aestheticScore,
    negative_aesthetic_score: diffusion.negativeAestheticScore,
    max_sequence_length: diffusion.maxSequenceLength,
    cfg_normalization: diffusion.cfgNormalization,
    cfg_truncation: diffusion.cfgTruncation,
    prompt_instruction: diffusion.promptInstruction,
    resolution_binning: diffusion.resolutionBinning,
    data_type: diffusion.dataType,
    num_frames: diffusion.numFrames,
    upscale: nameOf(diffusion.upscale),
  }
}

function nameOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : basename(path)
}

function withoutAbsent(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}
