import type { Control } from './control.ts';
import { LocalProcesses } from './local-processes.ts';

/** The state of the database at one moment. */
export interface DatabaseSample {
  /** The number of client connections, except the control connection of this run; each is a process. */
  readonly connections: number;
  /** The memory of these processes according to /proc (Pss), in bytes; null if the database is not on this machine. */
  readonly memoryBytes: number | null;
  /** The memory that one of them has allocated, according to PostgreSQL; null if it does not report it. */
  readonly contextBytes: number | null;
}

/** The counters of pg_stat_database that a transaction changes. */
export const databaseCounters = [
  'xact_commit',
  'xact_rollback',
  'blks_read',
  'blks_hit',
  'tup_returned',
  'tup_fetched',
  'tup_inserted',
  'tup_updated',
  'tup_deleted',
  'sessions',
] as const;

export type DatabaseCounter = (typeof databaseCounters)[number];

/** The counters of the database at one moment. */
export interface DatabaseCounts {
  readonly counters: Readonly<Record<DatabaseCounter, number>>;
  /** From pg_stat_statements; null if it is not installed. */
  readonly statements: { readonly calls: number; readonly milliseconds: number } | null;
  /** The CPU time of all its processes, in microseconds; null if they are not on this machine. */
  readonly cpuMicros: number | null;
}

/** The facts that do not change during a run. */
export interface DatabaseFacts {
  readonly version: string;
  readonly maxConnections: number;
  readonly reservedConnections: number;
  /** The number of other connections. */
  readonly connections: number;
  readonly hasStatements: boolean;
  readonly isLocal: boolean;
}

/** Observes the database over the control connection. */
export class Observer {
  readonly #control: Control;
  readonly #local: LocalProcesses | undefined;
  readonly #hasStatements: boolean;

  private constructor(control: Control, local: LocalProcesses | undefined, hasStatements: boolean) {
    this.#control = control;
    this.#local = local;
    this.#hasStatements = hasStatements;
  }

  static async start(control: Control): Promise<Observer> {
    const [row] = await control.query<{ pid: number; address: string | null }>(
      'SELECT pg_backend_pid() AS pid, host(inet_server_addr()) AS address',
    );
    const isLoopback = row?.address == null || /^(127\.|::1$)/.test(row.address);
    const local = row !== undefined && isLoopback ? LocalProcesses.find(row.pid) : undefined;
    const has = await control
      .query('SELECT count(*) FROM pg_stat_statements')
      .then(() => true)
      .catch(() => false);
    return new Observer(control, local, has);
  }

  async facts(): Promise<DatabaseFacts> {
    const [row] = await this.#control.query<{
      version: string;
      max: number;
      reserved: number;
      connections: number;
    }>(
      `SELECT current_setting('server_version') AS version, current_setting('max_connections')::int AS max,
        current_setting('superuser_reserved_connections')::int
          + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
        (SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()) AS connections`,
    );
    return {
      version: row?.version ?? 'unknown',
      maxConnections: row?.max ?? 0,
      reservedConnections: row?.reserved ?? 0,
      connections: row?.connections ?? 0,
      hasStatements: this.#hasStatements,
      isLocal: this.#local !== undefined,
    };
  }

  /** Reads the connections and their memory. */
  async sample(): Promise<DatabaseSample> {
    const rows = await this.#control.query<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
    );
    const [own] = await this.#control
      .query<{ bytes: number }>(
        'SELECT sum(total_bytes)::float8 AS bytes FROM pg_backend_memory_contexts',
      )
      .catch(() => []);
    const memory = this.#local?.memoryBytes(rows.map(({ pid }) => pid));
    return {
      connections: rows.length,
      memoryBytes: memory ?? null,
      contextBytes: own?.bytes ?? null,
    };
  }

  /**
   * Reads the counters. Server processes report at most once a second, when they are idle: the caller waits long
   * enough.
   */
  async counts(): Promise<DatabaseCounts> {
    const columns = databaseCounters.map((name) => `${name}::float8`).join(', ');
    const [row] = await this.#control.query<Record<DatabaseCounter, number>>(
      `SELECT ${columns} FROM pg_stat_database WHERE datname = current_database()`,
    );
    if (row === undefined) throw new Error('pg_stat_database does not know this database');
    const [statements] = this.#hasStatements
      ? await this.#control.query<{ calls: number; milliseconds: number }>(
          `SELECT coalesce(sum(calls), 0)::float8 AS calls, coalesce(sum(total_exec_time), 0)::float8 AS milliseconds
             FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        )
      : [];
    return {
      counters: row,
      statements: statements ?? null,
      cpuMicros: this.#local?.cpuMicros() ?? null,
    };
  }
}
