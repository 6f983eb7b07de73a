import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { giveTo } from '../postgres/account.ts';
import { Postgres } from '../postgres/postgres.ts';
import { copyRunning } from './base-backup.ts';

/** The timeout for a new standby to stream. */
const streamsTimeoutMs = 30_000;

/** A primary and its streaming standbys, all on this machine. */
export class Cluster {
  #primary: Postgres;
  readonly #servers: Postgres[];
  readonly #synchronous: boolean;

  constructor(primary: Postgres, synchronous: boolean) {
    this.#primary = primary;
    this.#servers = [primary];
    this.#synchronous = synchronous;
  }

  /** The primary, according to the changes through this cluster. */
  get primary(): Postgres {
    return this.#primary;
  }

  /** All servers, in the order of their creation, in any role. */
  get servers(): readonly Postgres[] {
    return this.#servers;
  }

  get standbys(): readonly Postgres[] {
    return this.#servers.filter((server) => server !== this.#primary);
  }

  /** Creates another standby, and resolves when it streams. */
  async addStandby(): Promise<Postgres> {
    const { setup } = this.#primary;
    const folder = await mkdtemp(path.join(tmpdir(), 'sluice-postgres-'));
    await chmod(folder, 0o711);
    const dataDir = path.join(folder, 'data');
    const standby = new Postgres({ ...setup, dataDir, ephemeral: [folder], port: 0 });
    await this.#follow(standby);
    this.#servers.push(standby);
    return standby;
  }

  /** Promotes a standby, and resolves when it accepts writes. The primary is not affected. */
  async promote(standby: Postgres): Promise<void> {
    await standby.query('SELECT pg_promote(true, 60)');
    this.#primary = standby;
  }

  /**
   * Makes a stopped former primary a standby of the current one, with a base backup: the embedded PostgreSQL does not
   * include pg_rewind.
   */
  async rejoin(former: Postgres): Promise<void> {
    await this.#follow(former);
  }

  /** Resolves when every streaming standby has replayed what the primary has written so far. */
  async caughtUp(): Promise<void> {
    const [row] = await this.#primary.query<{ lsn: string }>(
      'SELECT pg_current_wal_lsn()::text AS lsn',
    );
    for (;;) {
      const [left] = await this.#primary.query<{ count: number }>(
        'SELECT count(*)::int AS count FROM pg_stat_replication WHERE replay_lsn IS NULL OR replay_lsn < $1::pg_lsn',
        [row?.lsn],
      );
      if (left?.count === 0) return;
      await delay(5);
    }
  }

  /** Stops every server and removes its files. */
  async stop(): Promise<void> {
    for (const server of this.#servers) await server.stop('immediate');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Copies the primary's data to `server`, which is stopped, and starts it as a standby. */
  async #follow(server: Postgres): Promise<void> {
    const primary = this.#primary;
    const { account } = server.setup;
    await rm(server.dataDir, { recursive: true, force: true });
    await mkdir(server.dataDir, { mode: 0o700 });
    await copyRunning(primary, account, server.dataDir);
    await writeFile(path.join(server.dataDir, 'standby.signal'), '');
    const { host, port, user, password } = primary;
    // The name of the standby at the primary; passwords of the testkit contain no quote and no backslash.
    const name = `standby${server.dataDir.replace(/\W/g, '_')}`;
    await server.configure({
      primary_conninfo: `host=${host} port=${port} user=${user} password=${password} application_name=${name}`,
      synchronous_standby_names: '',
    });
    await giveTo(account, server.dataDir);
    await server.start();
    await this.#streams(name);
    if (!this.#synchronous) return;
    await primary.configure({ synchronous_standby_names: '*' });
    primary.reload();
  }

  async #streams(name: string): Promise<void> {
    const deadline = performance.now() + streamsTimeoutMs;
    while (performance.now() < deadline) {
      const rows = await this.#primary.query(
        "SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'",
        [name.slice(0, 63)],
      );
      if (rows.length > 0) return;
      await delay(5);
    }
    throw new Error(`the standby did not start to stream from ${this.#primary.url} within 30 s`);
  }
}
