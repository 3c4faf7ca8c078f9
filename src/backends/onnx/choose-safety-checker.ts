import type { BackendSettings } from '../../config/settings.ts'
import { findOwnSafetyChecker, findSafetyChecker, type ModelDescription, type SafetyCheckerFiles } from '../../pipelines/index.ts'

/** The safety checker that the settings ask for; undefined where nothing shall look. Rejects when it is not there. */
export async function chooseSafetyChecker(
  { safetyChecker: choice }: BackendSettings,
  { folder }: ModelDescription,
): Promise<SafetyCheckerFiles | undefined> {
  if (choice === undefined || choice === 'off') return undefined
  return choice === 'own' ? await findOwnSafetyChecker(folder) : await findSafetyChecker(choice.folder)
}

/** The model with its safety checker as one more part, so that it counts in memory. */
export function withSafetyChecker(description: ModelDescription, checker: SafetyCheckerFiles | undefined): ModelDescription {
  if (!checker) return description
  // Its files are no part of the model, whose hash is the same with and without it.
  const part = { name: 'safety_checker', files: [], weightBytes: checker.weightBytes, memoryBytes: checker.memoryBytes }
  return {
    ...description,
    components: [...description.components, part],
    memoryBytes: description.memoryBytes + checker.memoryBytes,
  }
}
