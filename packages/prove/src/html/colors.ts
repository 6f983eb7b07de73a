import type { Report } from '../report/schema.ts';

/** The color of a path: the same in every plot. */
export function colorOf({ paths }: Report, name: string): number {
  return (
    Math.max(
      0,
      paths.findIndex((path) => path.name === name),
    ) % 5
  );
}
