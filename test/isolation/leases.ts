import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readSnapshot, snapshotSql } from './snapshot.ts';
import type { SnapshotOptions, Trace } from './snapshot.ts';

/** What the daemon publishes as a lease begins, in front of the session's first request. */
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

/** What was inside a server connection as a session came that was not the last one there. */
export interface Sight {
  readonly user: string;
  readonly database: string;
  /** What the session has set, in the order in which it may be set. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** The session's own names of SQL's PREPARE. */
  readonly names: readonly string[];
  /** What the session listens to. */
  readonly channels: readonly string[];
  readonly found: readonly Trace[];
}

/** All that was seen. */
export interface Sights {
  /** How many leases were looked into. */
  readonly leases: number;
  readonly sights: readonly Sight[];
  /** What was wrong whatever a new connection looks like. */
  readonly failures: readonly string[];
}

const leaseBegan = 'sluice.session.leaseBegan';

/** Whom a session acts as is set last: rights may be lost by it. */
const identities = ['session_authorization', 'role'];

/** Looks into every connection to one server as it is lent to another session than before, in this process. */
export class Leases {
  readonly #port: number;
  readonly #options: SnapshotOptions;
  readonly #foretold: ReadonlySet<string>;
  #leases = 0;
  /** As JSON, each once. */
  #sights = new Set<string>();
  #failures = new Set<string>();
  /** Who had a connection last. */
  readonly #last = new WeakMap<object, number>();
  readonly #onLease = (message: unknown): void => this.#look(message as Lease);

  /** `foretold` are the values of random() behind seeds that tests set. */
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
    // What it has left there itself it may find there.
    if (last === lease.session) return;
    // Read now: the session goes on, and has other names later.
    const { user, database } = lease;
    const parameters = [...lease.parameters].sort(
      ([a], [b]) => identities.indexOf(a) - identities.indexOf(b),
    );
    const [names, channels] = [[...lease.names], [...lease.channels]];
    lease.query(snapshotSql(this.#options, database), ({ rows, error, lost }) => {
      // Who may not read the catalogue is not looked at.
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

  /** What was seen since the last time. */
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
