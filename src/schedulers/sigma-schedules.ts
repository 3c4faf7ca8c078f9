import { DiffgentorError } from '../errors.ts'
import { betaQuantile } from './beta-quantile.ts'
import { type ConfigOf, flag } from './config-fields.ts'
import { linspace } from './number-ranges.ts'

/** How noise levels fall between the first and the last; undefined: as the timesteps say. */
export type SigmaShape = 'karras' | 'exponential' | 'beta'

/** Keys that shape the levels; at most one is true. */
export const SIGMA_SHAPE_FIELDS = {
  use_karras_sigmas: flag(false),
  use_exponential_sigmas: flag(false),
  use_beta_sigmas: flag(false),
}

/** The shape that a configuration asks for. */
export function sigmaShapeOf(config: ConfigOf<typeof SIGMA_SHAPE_FIELDS>): SigmaShape | undefined {
  const asked: SigmaShape[] = []
  if (config.use_karras_sigmas) asked.push('karras')
  if (config.use_exponential_sigmas) asked.push('exponential')
  if (config.use_beta_sigmas) asked.push('beta')
  if (asked.length <= 1) return asked[0]
  throw new DiffgentorError('invalid_request', `Only one of use_${asked.join('_sigmas and use_')}_sigmas can be true.`, {
    field: `use_${asked[1]}_sigmas`,
  })
}

/** Refuses custom timesteps where the levels have a shape of their own. */
export function checkUnshaped(config: ConfigOf<typeof SIGMA_SHAPE_FIELDS>, timesteps: readonly number[] | undefined): void {
  const shape = sigmaShapeOf(config)
  if (shape === undefined || timesteps === undefined) return
  throw new DiffgentorError('invalid_request', `Custom timesteps cannot be combined with use_${shape}_sigmas.`, {
    field: 'timesteps',
  })
}

/** `count` noise levels from `highest` down to `lowest`, in double. */
export function shapeSigmas(shape: SigmaShape, highest: number, lowest: number, count: number): number[] {
  switch (shape) {
    case 'karras':
      return karrasSigmas(highest, lowest, count)
    case 'exponential':
      return linspace(Math.log(highest), Math.log(lowest), count).map(Math.exp)
    case 'beta':
      return linspace(0, 1, count).map((position) => lowest + betaQuantile(1 - position) * (highest - lowest))
  }
}

/** Karras et al., "Elucidating the design space of diffusion-based generative models", 2022, equation 5. */
export function karrasSigmas(highest: number, lowest: number, count: number, rho = 7): number[] {
  const top = highest ** (1 / rho)
  const bottom = lowest ** (1 / rho)
  return linspace(0, 1, count).map((position) => (top + position * (bottom - top)) ** rho)
}

/** Moves levels of rectified flow, 0–1, toward the noisy end (`shift` > 1), as SD3 and its successors do. */
export function shiftFlowSigma(sigma: number, shift: number): number {
  return (shift * sigma) / (1 + (shift - 1) * sigma)
}

/** Levels of rectified flow for solvers that were made for other models: evenly spaced, shifted, falling; the end is left out. */
export function solverFlowSigmas(numTrainTimesteps: number, count: number, shift: number): number[] {
  return linspace(1, 1 / numTrainTimesteps, count + 1)
    .map((alpha) => shiftFlowSigma(1 - alpha, shift))
    .reverse()
    .slice(0, -1)
}
