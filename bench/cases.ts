/**
 * The network between client, proxy and database. `unix`: Unix sockets from the client to the proxy and from there to
 * the database. `delayed`: data takes 1 ms in each direction between the proxy and the database.
 */
export type Network = 'tcp' | 'unix' | 'delayed';

/** A load that pgbench generates. */
export interface LoadCase {
  /** `select-simple-c32`, with the suffix `-tls` if clients and database use TLS. */
  readonly name: string;
  /** The arguments of pgbench besides clients and time. */
  readonly args: readonly string[];
  readonly clients: number;
  readonly threads: number;
  readonly tls: boolean;
  /** A new connection for every transaction. */
  readonly reconnect: boolean;
  /** Custom scripts, of which each transaction runs one, instead of a built-in script. */
  readonly scripts: readonly Script[];
  readonly network: Network;
  readonly interleaving: 'auto' | 'off';
  /** A fixed rate for all targets, as a share of PgBouncer's maximum; null: each runs as fast as it can. */
  readonly rate: number | null;
}

/** A script of pgbench. A transaction runs one of several scripts, chosen by weight. */
export interface Script {
  readonly text: string;
  readonly weight: number;
  /** Its latencies are not counted. */
  readonly isUntimed?: boolean;
}

/** Memory with idle clients. */
export interface IdleCase {
  /** `idle` or `idle-tls`. */
  readonly name: string;
  readonly tls: boolean;
  /** The numbers of clients at the measurements, increasing, all above `idleWarmUp`. */
  readonly steps: readonly number[];
}

/** The defaults of a case. */
const usual = {
  threads: 1,
  tls: false,
  reconnect: false,
  scripts: [],
  network: 'tcp',
  interleaving: 'auto',
  rate: null,
} as const;

const workloads = [
  { name: 'select-simple', args: ['-n', '-S', '-M', 'simple'] },
  { name: 'select-extended', args: ['-n', '-S', '-M', 'extended'] },
  { name: 'select-prepared', args: ['-n', '-S', '-M', 'prepared'] },
  // Without -n: pgbench then vacuums the small tables and empties the history first, so that no target inherits the
  // dead rows of the previous one.
  { name: 'tpcb', args: ['-M', 'simple'] },
  { name: 'reconnect', args: ['-n', '-S', '-C', '-M', 'simple'] },
] as const;

/** The statements of `-S`. */
const pointRead = [
  '\\set aid random(1, 100000 * :scale)',
  'SELECT abalance FROM pgbench_accounts WHERE aid = :aid;',
  '',
].join('\n');

/** Sets a parameter once for each client, then reads: `value` may contain `:client_id`. */
function settingOnce(value: string): string {
  return [
    '\\if :ready = 0',
    `\\set kilobytes ${value}`,
    'SET work_mem = :kilobytes;',
    '\\set ready 1',
    '\\endif',
    '\\set aid random(1, 100000)',
    'SELECT abalance FROM pgbench_accounts WHERE aid = :aid;',
    '',
  ].join('\n');
}

/**
 * 125 scripts of 4 statements: pgbench accepts at most 128, and prepares each statement of each script for each client.
 */
const distinctStatements = Array.from(
  { length: 125 },
  (_, script) =>
    '\\set aid random(1, 100000)\n' +
    Array.from(
      { length: 4 },
      (_, index) =>
        `SELECT abalance + ${4 * script + index} FROM pgbench_accounts WHERE aid = :aid;\n`,
    ).join(''),
);

/** The cost of preserving session state. With PgBouncer the first two leak the state: it does less work. */
const stateLoads: readonly {
  readonly name: string;
  readonly args: readonly string[];
  readonly texts: readonly string[];
}[] = [
  {
    name: 'parameters-differ',
    args: ['-n', '-M', 'simple', '-D', 'ready=0'],
    texts: [settingOnce('4096 + :client_id')],
  },
  {
    name: 'parameters-same',
    args: ['-n', '-M', 'simple', '-D', 'ready=0'],
    texts: [settingOnce('5000')],
  },
  {
    name: 'unproven',
    args: ['-n', '-M', 'simple'],
    texts: ['\\set aid random(1, 100000)\nSELECT balance_of(:aid);\n'],
  },
  { name: 'prepared-500', args: ['-n', '-M', 'prepared'], texts: distinctStatements },
];

/** Loads about session state, with 32 clients on the pool's 16 connections. */
export function stateCases(): LoadCase[] {
  return stateLoads.map(({ name, args, texts }) => ({
    ...usual,
    name: `${name}-c32`,
    args,
    clients: 32,
    scripts: texts.map((text) => ({ text, weight: 1 })),
  }));
}

/** Reads under other conditions than full speed over TCP. */
export function readCases(): LoadCase[] {
  const simple = { ...usual, args: ['-n', '-S', '-M', 'simple'], clients: 32 };
  return [
    { ...simple, name: 'select-simple-off-c32', interleaving: 'off' },
    { ...simple, name: 'select-simple-c32-unix', network: 'unix' },
    { ...simple, name: 'select-simple-c200-delayed', clients: 200, network: 'delayed' },
    { ...simple, name: 'rate-c32', rate: 0.7 },
    {
      ...simple,
      name: 'slow-c32',
      args: ['-n', '-M', 'simple'],
      scripts: [
        { text: pointRead, weight: 99 },
        { text: 'SELECT pg_sleep(0.2);\n', weight: 1, isUntimed: true },
      ],
    },
  ];
}

/** The numbers of clients without `--clients`. */
export const defaultClients: readonly number[] = [1, 32, 200];

/** All loads for these client counts. */
export function loadCases(clientCounts: readonly number[]): LoadCase[] {
  return [false, true].flatMap((tls) =>
    workloads.flatMap(({ name, args }) =>
      clientCounts.map((clients) => {
        const reconnect = name === 'reconnect';
        // A thread of pgbench does nothing else while it connects, so at most as many connects overlap as there are
        // threads.
        const threads = reconnect ? Math.min(clients, 32) : 1;
        return {
          ...usual,
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

/** The first idle clients, which do not count: they cause compiled code and server connections. */
export const idleWarmUp = 500;

/** All memory cases. */
export function idleCases(steps: readonly number[]): IdleCase[] {
  return [
    { name: 'idle', tls: false, steps },
    { name: 'idle-tls', tls: true, steps },
  ];
}

/**
 * Those that `--cases` selects. A pattern is the name of a case, or a part of names between dashes: `select-simple` and
 * `tls` select `select-simple-c32-tls`, and `select-simple-c32` only the case of that name. Without a pattern, all are
 * selected.
 */
export function chosen<T extends { readonly name: string }>(
  cases: readonly T[],
  patterns: readonly string[],
): T[] {
  const names = new Set(cases.map(({ name }) => name));
  return cases.filter(
    ({ name }) =>
      patterns.length === 0 ||
      patterns.some((pattern) =>
        names.has(pattern) ? name === pattern : `-${name}-`.includes(`-${pattern}-`),
      ),
  );
}
