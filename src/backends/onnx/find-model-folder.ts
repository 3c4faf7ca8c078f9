import type { BackendSettings } from '../../config/settings.ts'
import { type FoundModel, findModel } from '../../models/find-model.ts'
import { findOrPull } from '../../models/find-or-pull.ts'
import { holdsWish, hubLayout, type StoredPrecision } from '../../pipelines/index.ts'
import type { OpenContext } from '../open-context.ts'

/** The model that the settings name. One of the hub is downloaded when it is not here, if the caller permits downloads. */
export async function findModelFolder(
  settings: BackendSettings,
  dtype: StoredPrecision | undefined,
  { onPull, signal = new AbortController().signal }: OpenContext,
): Promise<FoundModel> {
  if (!onPull) return await findModel(settings.modelName, settings)
  const wish = { dtype, safetyChecker: settings.safetyChecker === 'own' }
  return await findOrPull(settings.modelName, settings, {
    layout: hubLayout(wish),
    isComplete: (paths) => holdsWish(paths, wish),
    onEvent: onPull,
    signal,
  })
}
