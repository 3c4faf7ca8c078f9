import type { ImageWarning } from '../../../contract/index.ts'
import type { ServedModel } from '../../model-pool.ts'
import type { SharedFields } from './image-fields.ts'

/** Says which fields of a request were understood and change nothing. */
export function listUnhonored({ backend }: ServedModel, fields: SharedFields): ImageWarning[] {
  const { generator_device: device, enable_teacache: reuses, background } = fields
  const wishes: [field: string, isWished: boolean, why: string][] = [
    ['generator_device', device !== undefined && device !== 'cpu', 'noise comes from the CPU, whatever draws with it'],
    ['enable_teacache', reuses === true, 'every step is computed'],
    ['background', backend.capabilities.diffusion && background === 'transparent', 'this model draws opaque pictures'],
  ]
  return wishes
    .filter(([, isWished]) => isWished)
    .map(([field, , why]) => ({ kind: 'ignored', field, detail: `${field} is not honored: ${why}.` }))
}
