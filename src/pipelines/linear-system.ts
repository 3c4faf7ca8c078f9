/** Solves A·x = b for a small positive definite A, by Gaussian elimination. A row a list. */
export function solveLinearSystem(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!])
  const size = rows.length
  for (let pivot = 0; pivot < size; pivot++) {
    for (let i = pivot + 1; i < size; i++) {
      const factor = rows[i]![pivot]! / rows[pivot]![pivot]!
      for (let j = pivot; j <= size; j++) rows[i]![j]! -= factor * rows[pivot]![j]!
    }
  }
  const solution = new Array<number>(size).fill(0)
  for (let i = size - 1; i >= 0; i--) {
    let rest = rows[i]![size]!
    for (let j = i + 1; j < size; j++) rest -= rows[i]![j]! * solution[j]!
    solution[i] = rest / rows[i]![i]!
  }
  return solution
}
