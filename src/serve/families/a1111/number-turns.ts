import { randomInt } from 'node:crypto'
import type { DrawOrder } from '../../drawing.ts'
import type { Txt2imgFields } from './draw-fields.ts'

const SEEDS = 2 ** 32

/**
 * Gives every turn its seeds as the origin does: one after the other through all turns. With a variation all pictures have the same
 * seed, and their other seeds follow one after the other, so that each picture is a turn of its own.
 */
export function numberTurns(fields: Txt2imgFields, orders: readonly DrawOrder[]): DrawOrder[] {
  const { subseed_strength: strength = 0, subseed = -1 } = fields
  const canVary = orders.every(({ model }) => model.backend.capabilities.diffusion)
  const turns = strength > 0 && canVary ? varyEach(orders, strength, subseed < 0 ? randomInt(SEEDS) : subseed) : countOn(orders)
  // A request was accepted with its first turn.
  return turns.map((order, turn) => ({ ...order, skipsLimit: turn > 0, keepsFlagged: true }))
}

function countOn(orders: readonly DrawOrder[]): DrawOrder[] {
  let drawn = 0
  return orders.map((order) => {
    const seed = order.seed === undefined ? undefined : order.seed + drawn
    drawn += order.request.numImages
    return { ...order, seed }
  })
}

function varyEach(orders: readonly DrawOrder[], variationStrength: number, firstSeed: number): DrawOrder[] {
  const single = orders.flatMap((order) => Array.from({ length: order.request.numImages }, () => order))
  return single.map((order, at) => {
    const diffusion = { ...order.request.diffusion, variationStrength, variationSeed: (firstSeed + at) % SEEDS }
    return { ...order, request: { ...order.request, numImages: 1, diffusion } }
  })
}
