const BEAMS = 5
const LONGEST = 67

/** Scores of every token as the next one, for several beginnings of one length: [beginnings][tokens]. */
export type ScoreNext = (beginnings: readonly (readonly number[])[]) => Promise<Float32Array[]>

interface Beam {
  ids: readonly number[]
  /** Tokens before and with the end. */
  length: number
  /** Logarithm of the likelihood. */
  score: number
  isDone: boolean
}

/** Searches the likeliest answer with five beams, whose scores are averaged over their lengths. Gives its tokens, the end included. */
export async function searchBeams(scoreNext: ScoreNext, endId: number, signal: AbortSignal): Promise<number[]> {
  const [first] = await scoreNext([[]])
  let beams = pickBest(logSoftmax(first!), BEAMS).map(({ id, value }): Beam => {
    return { ids: [id], length: 1, score: value, isDone: id === endId }
  })
  for (let step = 1; step < LONGEST && !beams.every(({ isDone }) => isDone); step++) {
    signal.throwIfAborted()
    beams = extendBeams(beams, await scoreNext(beams.map(({ ids }) => ids)), endId)
  }
  const average = ({ score, length }: Beam) => score / length
  const best = beams.reduce((winner, beam) => (average(beam) > average(winner) ? beam : winner))
  return best.ids.slice(0, best.length)
}

function extendBeams(beams: readonly Beam[], scores: readonly Float32Array[], endId: number): Beam[] {
  const vocabulary = scores[0]!.length
  const averages = new Float32Array(beams.length * vocabulary)
  for (const [row, beam] of beams.entries()) {
    const at = row * vocabulary
    if (beam.isDone) {
      // What is done goes on as it is, padded with the first token.
      averages.fill(Number.NEGATIVE_INFINITY, at, at + vocabulary)
      averages[at] = beam.score / beam.length
      continue
    }
    const likely = logSoftmax(scores[row]!)
    for (let id = 0; id < vocabulary; id++) averages[at + id] = Math.fround(beam.score + likely[id]!) / (beam.length + 1)
  }
  return pickBest(averages, BEAMS).map(({ id: place, value }) => {
    const from = beams[Math.floor(place / vocabulary)]!
    const id = place % vocabulary
    const length = from.isDone ? from.length : from.length + 1
    return { ids: [...from.ids, id], length, score: Math.fround(value * length), isDone: from.isDone || id === endId }
  })
}

function logSoftmax(scores: Float32Array): Float32Array {
  const most = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const sum = scores.reduce((total, score) => total + Math.exp(score - most), 0)
  return scores.map((score) => score - most - Math.log(sum))
}

/** The places of the largest values, largest first. */
function pickBest(values: Float32Array, count: number): { id: number; value: number }[] {
  const best: { id: number; value: number }[] = []
  for (let id = 0; id < values.length; id++) {
    const value = values[id]!
    if (best.length === count && value <= best[count - 1]!.value) continue
    const at = best.findIndex((held) => value > held.value)
    best.splice(at < 0 ? best.length : at, 0, { id, value })
    if (best.length > count) best.pop()
  }
  return best
}
