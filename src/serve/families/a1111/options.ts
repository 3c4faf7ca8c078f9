import { z } from 'zod'
import { DiffgentorError } from '../../../errors.ts'
import type { RawFields } from '../../http/json-body.ts'
import type { ServedModel } from '../../model-pool.ts'
import { parseFields, wireInteger, wireText } from '../../requests/wire-fields.ts'
import type { Services } from '../../services.ts'

export const OPTION_FIELDS = z.object({
  sd_model_checkpoint: wireText.describe('Title of the model that requests use which name none'),
  CLIP_stop_at_last_layers: wireInteger(1, 12).describe('1 uses every layer of the text encoder'),
})

/** What clients set once for all requests of this family. Options that we do not have are taken and forgotten. */
export class Options {
  readonly #services: Services
  #checkpoint: string | undefined
  #lastLayer = 1

  constructor(services: Services) {
    this.#services = services
  }

  /** The model that a title means, or the chosen one. Throws `model_not_found` for an unknown title. */
  findModel(title?: string | null): ServedModel {
    const { models } = this.#services
    const name = title ? title.replace(/ \[[0-9a-f]*\]$/, '') : this.#checkpoint
    if (name !== undefined && models.isReady && !models.knows(name)) {
      throw new DiffgentorError('model_not_found', `Checkpoint ${name} not found`, { field: 'sd_model_checkpoint' })
    }
    return models.find(name)
  }

  /** Layers of the text encoder to leave out at the end; undefined for none. */
  clipSkip(lastLayer = this.#lastLayer): number | undefined {
    return lastLayer > 1 ? lastLayer - 1 : undefined
  }

  set(raw: RawFields): void {
    const fields = parseFields(OPTION_FIELDS, raw)
    if (fields.sd_model_checkpoint !== undefined) this.#checkpoint = this.findModel(fields.sd_model_checkpoint).id
    if (fields.CLIP_stop_at_last_layers !== undefined) this.#lastLayer = fields.CLIP_stop_at_last_layers
  }

  describe(): Record<string, unknown> {
    return {
      sd_model_checkpoint: this.findModel().id,
      sd_checkpoint_hash: '',
      sd_vae: 'Automatic',
      CLIP_stop_at_last_layers: this.#lastLayer,
      samples_format: 'png',
      samples_save: false,
      enable_pnginfo: true,
      live_previews_enable: true,
      eta_noise_seed_delta: 0,
    }
  }
}
