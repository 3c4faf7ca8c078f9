import { weightedSum } from '../tensor/arithmetic.ts'
import { type ConfigOf, choice, integer, number } from './config-fields.ts'
import { linspaceFloat32 } from './number-ranges.ts'
import { karrasSigmas } from './sigma-schedules.ts'
import { finalSigmasType } from './solver-schedule.ts'

const { fround, sqrt } = Math

/** Keys of the classes for models with the preconditioning of Karras et al. 2022 (EDM), such as Playground 2.5. */
export const EDM_FIELDS = {
  num_train_timesteps: integer(1000, 1),
  sigma_min: number(0.002),
  sigma_max: number(80),
  sigma_data: number(0.5),
  sigma_schedule: choice('karras', ['karras', 'exponential']),
  rho: number(7),
  final_sigmas_type: finalSigmasType(),
}

type EdmConfig = ConfigOf<typeof EDM_FIELDS>

/** Noise levels, falling, in float32; the final one is not among them. */
export function spaceEdmSigmas(config: EdmConfig, count: number): number[] {
  const { sigma_max: highest, sigma_min: lowest } = config
  if (config.sigma_schedule === 'karras') return karrasSigmas(highest, lowest, count, config.rho).map(fround)
  return Array.from(linspaceFloat32(Math.log(lowest), Math.log(highest), count), (value) => fround(Math.exp(value))).reverse()
}

/** What the denoiser is told for a level: a quarter of its logarithm. */
export function edmTimestep(sigma: number): number {
  return fround(0.25 * fround(Math.log(sigma)))
}

/** What latents are divided by before the denoiser sees them. */
export function edmInputDivisor(sigma: number, sigmaData: number): number {
  return fround(sqrt(fround(fround(sigma * sigma) + sigmaData ** 2)))
}

/** Factor on the first pure noise. */
export function edmInitialNoiseSigma(highest: number): number {
  return sqrt(highest ** 2 + 1)
}

/** The clean picture by a prediction; v-prediction has the opposite sign. */
export function edmOriginal(
  isVelocity: boolean,
  prediction: Float32Array,
  latents: Float32Array,
  sigma: number,
  sigmaData: number,
): Float32Array {
  const power = fround(fround(sigma * sigma) + sigmaData ** 2)
  const skip = fround(sigmaData ** 2 / power)
  const out = fround(fround(sigma * sigmaData) / fround(sqrt(power))) * (isVelocity ? -1 : 1)
  return weightedSum(skip, latents, out, prediction)
}
