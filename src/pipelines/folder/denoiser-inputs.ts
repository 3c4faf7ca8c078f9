import type { GraphSignature } from '../../onnx-proto/graph-signature.ts'
import { DENOISER_ROLES, type DenoiserRole } from '../roles.ts'

/** The input of a graph that plays a role. */
export function findInput(signature: GraphSignature, role: DenoiserRole): GraphSignature['inputs'][number] | undefined {
  const byName = new Map(signature.inputs.map((input) => [input.name.toLowerCase(), input]))
  const name = DENOISER_ROLES[role].find((candidate) => byName.has(candidate))
  return name === undefined ? undefined : byName.get(name)
}

/** The size that a graph fixes on one axis of a role's input. */
export function fixedDimension(signature: GraphSignature, role: DenoiserRole, axis: number): number | undefined {
  const size = findInput(signature, role)?.dims[axis]
  return typeof size === 'number' ? size : undefined
}
