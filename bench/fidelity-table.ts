import { type Deviation, FLOAT32_TOLERANCE, relativeLatents, type Tolerance } from '../test/support/measure-deviation.ts'

export const TABLE_HEAD =
  '| case | scheduler | latents | relative | levels | values off | verdict |\n| --- | --- | --- | --- | --- | --- | --- |'

export interface ReportRow {
  name: string
  scheduler: string
  deviation: Deviation
  /** The pixels were not compared. */
  latentsOnly?: boolean
  tolerance?: Tolerance
}

/** One row of a table of drawn cases. */
export function formatRow({ name, scheduler, deviation, latentsOnly = false, tolerance = FLOAT32_TOLERANCE }: ReportRow): string {
  const { latents, levels, share } = deviation
  const relative = relativeLatents(deviation)
  const pixels = latentsOnly ? ['–', '–'] : [levels, `${(share * 100).toFixed(3)} %`]
  const isWithin = relative <= tolerance.latents && levels <= tolerance.levels && share <= tolerance.share
  const cells = [name, scheduler.replace(/Scheduler$/, ''), scientific(latents), scientific(relative), ...pixels, tell(isWithin)]
  return `| ${cells.join(' | ')} |`
}

export const scientific = (value: number) => value.toExponential(1)
export const tell = (isWithin: boolean) => (isWithin ? 'within' : '**beyond**')
