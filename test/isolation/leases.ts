import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readSnapshot, snapshotSql } from './snapshot.ts';
import type { SnapshotOptions, Trace } from './snapshot.ts';

/** What the daemon publishes at the start of a lease, before the session's first request. */
interface Lease {
  readonly session: number;
  readonly user: string;
  readonly database: string;
  readonly port: number | undefined;
  readonly connection: object;
  readonly parameters: ReadonlyMap<string, string>;
  readonly names: readonly string[];
  readonly channels: readonly string[];
  readonly query: (sql: string, done: (answer: Answer) => void) => void;
}

interface Answer {
  readonly rows: readonly (readonly (string | null)[])[];
  readonly error: { readonly sqlstate: string; readonly message: string } | null;
  readonly lost: boolean;
}

/** The state of a server connection when another session borrowed it than before. */
export interface Sight {
  readonly user: string;
  readonly database: string;
  /** The parameters that the session has set, in an order in which they can be set. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** The names of the session's SQL-level prepared statements. */
  readonly names: readonly string[];
  /** The channels of the session. */
  readonly channels: readonly string[];
  readonly found: readonly Trace[];
}

export interface Sights {
  /** The number of inspected leases. */
  readonly leases: number;
  readonly sights: readonly Sight[];
  /** What was wrong regardless of new connections. */
  readonly failures: readonly string[];
}

const leaseBegan = 'sluice.session.leaseBegan';

/** The role of a session is set last: it may lose permissions then. */
const identities = ['session_authorization', 'role'];

/** Inspects every connection to one server, in this process, when another session borrows it than before. */
export class Leases {
  readonly #port: number;
  readonly #options: SnapshotOptions;
  readonly #foretold: ReadonlySet<string>;
  #leases = 0;
  /** As JSON, without duplicates. */
  #sights = new Set<string>();
  #failures = new Set<string>();
  /** The last session of a connection. */
  readonly #last = new WeakMap<object, number>();
  readonly #onLease = (message: unknown): void => this.#look(message as Lease);

  /** `foretold` are the values of random() after the seeds that tests set. */
  constructor(port: number, options: SnapshotOptions, foretold: readonly string[]) {
    this.#port = port;
    this.#options = options;
    this.#foretold = new Set(foretold);
    subscribe(leaseBegan, this.#onLease);
  }

  #look(lease: Lease): void {
    if (lease.port !== this.#port) return;
    const last = this.#last.get(lease.connection);
    this.#last.set(lease.connection, lease.session);
    // A session may find its own state there.
    if (last === lease.session) return;
    // Read now: the session continues, and has other names later.
    const { user, database } = lease;
    const parameters = [...lease.parameters].sort(
      ([a], [b]) => identities.indexOf(a) - identities.indexOf(b),
    );
    const [names, channels] = [[...lease.names], [...lease.channels]];
    lease.query(snapshotSql(this.#options, database), ({ rows, error, lost }) => {
      // The state is unknown if the role may not read the catalog.
      if (lost || error?.sqlstate === '42501') return;
      this.#leases += 1;
      if (error !== null) {
        this.#failures.add(`the snapshot failed for ${user} in ${database}: ${error.message}`);
        return;
      }
      const all = readSnapshot(rows);
      for (const { kind, value } of all)
        if (kind === 'random' && this.#foretold.has(value))
          this.#failures.add('random() is foretold by a seed that somebody else has set');
      const found = all.filter(({ kind }) => kind !== 'random');
      const sight: Sight = { user, database, parameters, names, channels, found };
      this.#sights.add(JSON.stringify(sight));
    });
  }

  /** The observations since the last call. */
  take(): Sights {
    const sights = [...this.#sights].map((text) => JSON.parse(text) as Sight);
    const failures = [...this.#failures];
    const leases = this.#leases;
    this.#sights = new Set();
    this.#failures = new Set();
    this.#leases = 0;
    return { leases, sights, failures };
  }

  close(): void {
    unsubscribe(leaseBegan, this.#onLease);
  }
}
