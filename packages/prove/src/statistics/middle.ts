/** The median; for an even count, the mean of the two middle values. NaN if there are no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The smallest value that at least `fraction` of all values do not exceed (nearest rank). NaN if there are no values.
 *
 * @param fraction - 0.5 for the median, 0.99 for p99; above 0 and at most 1.
 */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(fraction * sorted.length) - 1] ?? Number.NaN;
}

/**
 * The median over the rounds of the quotient of two values of the same round. Anything that slows the machine for a
 * while slows both parts of a round, so this varies less than the quotient of the two medians.
 *
 * @returns NaN if no round has both values.
 */
export function medianRatio(
  values: readonly (number | undefined)[],
  others: readonly (number | undefined)[],
): number {
  const ratios: number[] = [];
  for (const [round, value] of values.entries()) {
    const other = others[round];
    if (value !== undefined && other !== undefined && other !== 0) ratios.push(value / other);
  }
  return median(ratios);
}
