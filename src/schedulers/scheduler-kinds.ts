import { ddim } from './ddim.ts'
import { ddpm } from './ddpm.ts'
import { deis } from './deis.ts'
import { dpmSolverMultistep } from './dpm-solver-multistep.ts'
import { dpmSolverSde } from './dpm-solver-sde.ts'
import { dpmSolverSinglestep } from './dpm-solver-singlestep.ts'
import { edmDpmSolver } from './edm-dpm-solver.ts'
import { edmEuler } from './edm-euler.ts'
import { euler } from './euler.ts'
import { eulerAncestral } from './euler-ancestral.ts'
import { flowMatchEuler } from './flow-match-euler.ts'
import { flowMatchHeun } from './flow-match-heun.ts'
import { flowMatchLcm } from './flow-match-lcm.ts'
import { heun } from './heun.ts'
import { kdpm2 } from './kdpm2.ts'
import { kdpm2Ancestral } from './kdpm2-ancestral.ts'
import { lcm } from './lcm.ts'
import { lms } from './lms.ts'
import { pndm } from './pndm.ts'
import type { AnySchedulerKind } from './scheduler-kind.ts'
import { scm } from './scm.ts'
import { tcd } from './tcd.ts'
import { unipc } from './unipc.ts'

/** Every scheduler class. */
export const SCHEDULER_KINDS: readonly AnySchedulerKind[] = [
  ddim,
  ddpm,
  pndm,
  euler,
  eulerAncestral,
  heun,
  lms,
  kdpm2,
  kdpm2Ancestral,
  dpmSolverMultistep,
  dpmSolverSinglestep,
  dpmSolverSde,
  unipc,
  deis,
  lcm,
  tcd,
  flowMatchEuler,
  flowMatchHeun,
  flowMatchLcm,
  scm,
  edmEuler,
  edmDpmSolver,
]
