import { ddim } from './ddim.ts'
import { dpmSolverMultistep } from './dpm-solver-multistep.ts'
import { euler } from './euler.ts'
import { eulerAncestral } from './euler-ancestral.ts'
import { flowMatchEuler } from './flow-match-euler.ts'
import { lcm } from './lcm.ts'
import { pndm } from './pndm.ts'
import type { AnySchedulerKind } from './scheduler-kind.ts'

/** Every scheduler class. */
export const SCHEDULER_KINDS: readonly AnySchedulerKind[] = [
  ddim,
  pndm,
  euler,
  eulerAncestral,
  dpmSolverMultistep,
  lcm,
  flowMatchEuler,
]

/** The class of an exact diffusers name. */
export function findSchedulerKind(className: string): AnySchedulerKind | undefined {
  return SCHEDULER_KINDS.find((kind) => kind.className === className)
}
