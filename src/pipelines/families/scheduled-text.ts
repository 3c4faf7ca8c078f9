import { zeros } from '../channels.ts'
import type { DenoiserFeeds } from '../graphs/denoiser.ts'
import type { ScheduledFeeds } from '../guidance.ts'
import type { DrawingJob } from '../job.ts'
import { type CombinedPart, splitCombined } from '../prompts/combined-prompt.ts'
import { readSchedule } from '../prompts/prompt-schedule.ts'

/** The prompts that a prompt asks to be guided towards together: several only in the syntax that knows them. */
export function splitPrompt({ request }: DrawingJob): CombinedPart[] {
  const { prompt, diffusion } = request
  return diffusion?.promptSyntax === 'a1111' ? splitCombined(prompt) : [{ text: prompt, weight: 1 }]
}

/** Encodes a text that may change between steps, in the syntax that knows such. */
export async function encodeScheduled(
  job: DrawingJob,
  text: string,
  encode: (text: string) => Promise<DenoiserFeeds>,
): Promise<ScheduledFeeds> {
  const isPlain = job.request.diffusion?.promptSyntax !== 'a1111' || !text.includes('[')
  if (isPlain) return { feeds: await encode(text) }
  const { numInferenceSteps } = job
  // Laying out a schedule draws nothing; only a run tells how often a step calls the denoiser.
  const { order } = job.scheduler.startRun({ numInferenceSteps, drawNoise: zeros })
  const texts = readSchedule(text, numInferenceSteps * order)
  const changes = []
  for (const scheduled of texts) changes.push({ until: scheduled.until, feeds: await encode(scheduled.text) })
  return changes.length === 1 ? { feeds: changes[0]!.feeds } : { feeds: changes.at(-1)!.feeds, changes }
}
