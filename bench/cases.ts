/** A load that pgbench makes. */
export interface LoadCase {
  /** `select-simple-c32`, with `-tls` at its end when both legs speak TLS. */
  readonly name: string;
  /** What pgbench is told besides clients and time. */
  readonly args: readonly string[];
  readonly clients: number;
  readonly threads: number;
  readonly tls: boolean;
  /** A new connection for every transaction. */
  readonly reconnect: boolean;
}

/** Memory with idle clients. */
export interface IdleCase {
  /** `idle` or `idle-tls`. */
  readonly name: string;
  readonly tls: boolean;
  /** How many clients are connected at each measurement, rising, all above `idleWarmUp`. */
  readonly steps: readonly number[];
}

const workloads = [
  { name: 'select-simple', args: ['-n', '-S', '-M', 'simple'] },
  { name: 'select-extended', args: ['-n', '-S', '-M', 'extended'] },
  { name: 'select-prepared', args: ['-n', '-S', '-M', 'prepared'] },
  // Without -n: pgbench then vacuums the small tables and empties the history first, so that no target inherits the
  // dead rows of the one before.
  { name: 'tpcb', args: ['-M', 'simple'] },
  { name: 'reconnect', args: ['-n', '-S', '-C', '-M', 'simple'] },
] as const;

/** The client counts that are measured unless `--clients` says otherwise. */
export const defaultClients: readonly number[] = [1, 32, 200];

/** All loads for these client counts. */
export function loadCases(clientCounts: readonly number[]): LoadCase[] {
  return [false, true].flatMap((tls) =>
    workloads.flatMap(({ name, args }) =>
      clientCounts.map((clients) => {
        const reconnect = name === 'reconnect';
        // A thread of pgbench does nothing else while it connects: only as many connects overlap as there are threads.
        const threads = reconnect ? Math.min(clients, 32) : 1;
        return {
          name: `${name}-c${clients}${tls ? '-tls' : ''}`,
          args,
          clients,
          threads,
          tls,
          reconnect,
        };
      }),
    ),
  );
}

/** The first idle clients, which are not counted: with them come compiled code and connections to the database. */
export const idleWarmUp = 500;

/** All memory cases. */
export function idleCases(steps: readonly number[]): IdleCase[] {
  return [
    { name: 'idle', tls: false, steps },
    { name: 'idle-tls', tls: true, steps },
  ];
}

/**
 * Whether `--cases` chose this case. A pattern is the whole name or a part of it between dashes: `select` and
 * `select-simple` choose `select-simple-c32-tls`, and so does `tls`. No pattern chooses all.
 */
export function isChosen(name: string, patterns: readonly string[]): boolean {
  return patterns.length === 0 || patterns.some((pattern) => `-${name}-`.includes(`-${pattern}-`));
}
