import { DiffgentorError } from '../errors.ts'
import { type ConfigOf, choice, integer, number, optionalNumberList } from './config-fields.ts'
import { linspaceFloat32 } from './number-ranges.ts'

const { fround } = Math

/** Keys of the schedule that the model was trained on, with the defaults of most classes. */
export const NOISE_SCHEDULE_FIELDS = {
  num_train_timesteps: integer(1000, 1),
  beta_start: number(0.0001),
  beta_end: number(0.02),
  beta_schedule: choice('linear', ['linear', 'scaled_linear', 'squaredcos_cap_v2']),
  trained_betas: optionalNumberList(),
}

export type NoiseScheduleConfig = ConfigOf<typeof NOISE_SCHEDULE_FIELDS>

/** The largest noise share of one training step of the cosine schedule. */
const COSINE_MAX_BETA = 0.999

/**
 * The share of signal that is left at every training timestep, ᾱ, in float32.
 *
 * `rescaleToZeroSnr` stretches it so that nothing is left at the last one (Lin et al., "Common diffusion noise schedules and
 * sample steps are flawed", 2023).
 */
export function computeAlphasCumprod(config: NoiseScheduleConfig, rescaleToZeroSnr: boolean): Float32Array {
  const betas = computeBetas(config)
  return cumulateAlphas(rescaleToZeroSnr ? removeTerminalSignal(betas) : betas)
}

/** The share of signal left at the last timestep of a zero-SNR schedule for classes that divide by it. */
const TRACE_OF_SIGNAL = 2 ** -24

/**
 * Its noise level. √(2²⁴ − 1) lies within 2⁻²⁷ of midway between two float32 values, and torch's power function rounds it up;
 * the latents are this large, so their last bit shows in the picture.
 */
const TRACE_SIGMA = 4096

/** As `computeAlphasCumprod`, with a trace of signal left at the last timestep, because these classes divide by it. */
export function computeAlphasCumprodForSigmas(config: NoiseScheduleConfig, rescaleToZeroSnr: boolean): Float32Array {
  const alphas = computeAlphasCumprod(config, rescaleToZeroSnr)
  if (rescaleToZeroSnr) alphas[alphas.length - 1] = TRACE_OF_SIGNAL
  return alphas
}

/** Noise levels σ = √((1 − ᾱ) / ᾱ) of every training timestep, rising, in float32. */
export function sigmasOf(alphasCumprod: Float32Array): Float32Array {
  return alphasCumprod.map((alpha) => (alpha === TRACE_OF_SIGNAL ? TRACE_SIGMA : Math.sqrt(fround(fround(1 - alpha) / alpha))))
}

function computeBetas(config: NoiseScheduleConfig): Float32Array {
  const { num_train_timesteps: count, beta_start: start, beta_end: end, trained_betas: trained } = config
  if (trained !== null) {
    if (trained.length === count) return Float32Array.from(trained)
    throw new DiffgentorError(
      'model_unreadable',
      `trained_betas has ${trained.length} values, but num_train_timesteps is ${count}.`,
      {
        field: 'trained_betas',
      },
    )
  }
  switch (config.beta_schedule) {
    case 'linear':
      return linspaceFloat32(start, end, count)
    case 'scaled_linear':
      return linspaceFloat32(start ** 0.5, end ** 0.5, count).map((root) => root * root)
    case 'squaredcos_cap_v2':
      return Float32Array.from({ length: count }, (_, index) =>
        Math.min(1 - cosineAlphaBar((index + 1) / count) / cosineAlphaBar(index / count), COSINE_MAX_BETA),
      )
  }
}

/** Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", 2021. */
function cosineAlphaBar(time: number): number {
  return Math.cos((((time + 0.008) / 1.008) * Math.PI) / 2) ** 2
}

/** Multiplies in double and rounds each entry, as torch's cumulative product does. */
function cumulateAlphas(betas: Float32Array): Float32Array {
  let product = 1
  return betas.map((beta) => {
    product *= fround(1 - beta)
    return product
  })
}

function removeTerminalSignal(betas: Float32Array): Float32Array {
  const roots = cumulateAlphas(betas).map(Math.sqrt)
  const first = roots[0]!
  const last = roots[roots.length - 1]!
  const stretch = fround(first / fround(first - last))
  const alphasBar = roots.map((root) => {
    const stretched = fround(fround(root - last) * stretch)
    return stretched * stretched
  })
  return alphasBar.map((alphaBar, index) => 1 - (index === 0 ? alphaBar : fround(alphaBar / alphasBar[index - 1]!)))
}
