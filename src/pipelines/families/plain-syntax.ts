import type { DrawingJob } from '../job.ts'

/** The job with prompts read as plain text: weights and long prompts of CLIP have no counterpart in encoders beside it. */
export function withPlainSyntax(job: DrawingJob): DrawingJob {
  return { ...job, request: { ...job.request, diffusion: { ...job.request.diffusion, promptSyntax: 'none' } } }
}
