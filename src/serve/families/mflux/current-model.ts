import type { ServedModel } from '../../model-pool.ts'
import type { Services } from '../../services.ts'

/** The model that this family draws with: the first one until another is loaded. */
export class CurrentModel {
  readonly #services: Services
  #name: string | undefined

  constructor(services: Services) {
    this.#services = services
  }

  get model(): ServedModel {
    return this.#services.models.find(this.#name)
  }

  /** Changes over to a served model; false when no served model has that name. */
  load(name: string): boolean {
    if (!this.#services.models.knows(name)) return false
    this.#name = name
    return true
  }
}
