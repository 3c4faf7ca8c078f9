import type { SizeRule } from '../../contract/index.ts'
import type { ModelDefaults } from '../pipeline.ts'
import { type FamilyTraits, ONE_STEP_DEFAULTS } from './family-traits.ts'
import type { ModelFolder } from './model-folder.ts'

/** The model's own defaults: `generation_config.json`, then what the scheduler tells, then the family's. */
export function readDefaults(
  { generationConfig }: ModelFolder,
  traits: FamilyTraits,
  schedulerConfig: Readonly<Record<string, unknown>>,
  sizes: SizeRule,
): ModelDefaults {
  const base = isOneStepStudent(schedulerConfig) ? { ...traits, ...ONE_STEP_DEFAULTS } : traits
  const pick = (key: string, otherwise: number) => {
    const told = generationConfig[key]
    return typeof told === 'number' && Number.isFinite(told) ? told : otherwise
  }
  return {
    numInferenceSteps: pick('num_inference_steps', base.numInferenceSteps),
    guidanceScale: pick('guidance_scale', base.guidanceScale),
    strength: pick('strength', base.strength),
    ...sizes.default,
  }
}

/** Turbo models come with an Euler scheduler, trailing spacing and plain noise prediction; nothing else ships so. */
function isOneStepStudent(config: Readonly<Record<string, unknown>>): boolean {
  const name = config['_class_name']
  const isEuler = name === 'EulerDiscreteScheduler' || name === 'EulerAncestralDiscreteScheduler'
  return isEuler && config['timestep_spacing'] === 'trailing' && (config['prediction_type'] ?? 'epsilon') === 'epsilon'
}
