/** A value with its labels. */
export type Sample = readonly [labels: Record<string, string>, value: number];

/** Registers a metric that is collected at each scrape. */
export type Register = (
  name: string,
  help: string,
  labels: string[],
  read: () => Iterable<Sample>,
) => void;
