/** A value under its labels. */
export type Sample = readonly [labels: Record<string, string>, value: number];

/** Registers a metric that is read when it is asked for. */
export type Register = (
  name: string,
  help: string,
  labels: string[],
  read: () => Iterable<Sample>,
) => void;
