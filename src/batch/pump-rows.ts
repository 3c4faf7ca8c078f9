import type { Dataset, Row } from '../datasets/dataset.ts'
import { DiffgentorError, toDiffgentorError } from '../errors.ts'
import { findWholeFiles } from './adopt-files.ts'
import type { BatchRun } from './batch-run.ts'
import type { InFlight } from './in-flight.ts'
import type { NameClaims } from './name-claims.ts'
import { latentsNameOf } from './output-names.ts'
import type { RowPlan, RowPlanner } from './plan-row.ts'
import type { RowWorker } from './row-worker.ts'

interface PumpParts {
  run: BatchRun
  dataset: Dataset
  planner: RowPlanner
  worker: RowWorker
  inFlight: InFlight
  /** Present when rows name their outputs: then every row is read, so that names are claimed in data set order. */
  claims: NameClaims | undefined
  /** Set: pictures that are there already count as the row's. */
  adoptFrom: string | undefined
}

/** Takes the rows on the list up, in data set order, as fast as there is room. */
export class RowPump {
  readonly #parts: PumpParts
  #fault: DiffgentorError | undefined

  constructor(parts: PumpParts) {
    this.#parts = parts
  }

  /** One pass over the rows still to do; resolves when all of them reached their end. Rejects when this program failed. */
  async pass(isFirst: boolean): Promise<void> {
    const { run, dataset, inFlight, claims } = this.#parts
    const { states } = run.ledger
    const claimsNames = claims !== undefined && isFirst
    const from = claimsNames ? 0 : states.nextToDo(0)
    if (from === undefined) return
    const wants = claimsNames ? undefined : (position: number) => states.isToDo(position)
    try {
      await this.#takeUp(dataset.rows({ from, wants }), claimsNames)
    } catch (thrown) {
      run.control.end(toDiffgentorError(thrown))
      throw thrown
    } finally {
      await inFlight.empty()
    }
    if (this.#fault) throw this.#fault
  }

  async #takeUp(rows: AsyncIterable<Row>, claimsNames: boolean): Promise<void> {
    const { run, inFlight } = this.#parts
    const { states } = run.ledger
    for await (const row of rows) {
      if (run.control.draining.aborted || row.position >= states.size) return
      const plan = this.#plan(row, claimsNames)
      if (!states.isToDo(row.position)) continue
      states.take(row.position)
      await inFlight.start(() => this.#workSafely(row, plan))
    }
  }

  /** Plans a row and claims its names; an error is the row's own. */
  #plan(row: Row, claimsNames: boolean): RowPlan | DiffgentorError {
    const { planner, claims } = this.#parts
    try {
      const plan = planner.plan(row)
      if (claims && claimsNames) this.#claim(claims, plan)
      return plan
    } catch (thrown) {
      return toDiffgentorError(thrown)
    }
  }

  #claim(claims: NameClaims, { row, names, settings }: RowPlan): void {
    const conflict = claims.claim(
      row.position,
      settings.saveLatents ? names.flatMap((name) => [name, latentsNameOf(name)]) : names,
    )
    if (!conflict) return
    throw new DiffgentorError(
      'invalid_output_name',
      `The output name "${conflict.name}" was taken by row ${conflict.takenBy} already; give each row its own name.`,
      { field: 'output_name' },
    )
  }

  async #workSafely(row: Row, plan: RowPlan | DiffgentorError): Promise<void> {
    try {
      await this.#work(row, plan)
    } catch (thrown) {
      const error = toDiffgentorError(thrown)
      // A full disk under the ledger ends the run like one under a picture; anything else is a fault of this program.
      if (!error.traits.endsRun) this.#fault ??= error
      this.#parts.run.control.end(error)
    }
  }

  async #work(row: Row, plan: RowPlan | DiffgentorError): Promise<void> {
    const { worker } = this.#parts
    if (plan instanceof DiffgentorError) return await worker.reject(row, plan)
    if (await this.#adopt(plan)) return
    await worker.work(plan)
  }

  async #adopt({ row, names }: RowPlan): Promise<boolean> {
    const { run, adoptFrom } = this.#parts
    const outputs = adoptFrom === undefined ? undefined : await findWholeFiles(adoptFrom, names)
    if (!outputs) return false
    await run.ledger.append({ index: row.index, position: row.position, status: 'done', attempt: 0, outputs, ms: 0 })
    run.counts.skipped++
    return true
  }
}
